"""Do images and texts find each other: retrieval in both directions, classes named by their texts, and baselines."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix

from contraflow.encoded.texts import Texts
from contraflow.neighbours.ranking import TIED

ROWS = 512  # queries at a time
NEIGHBOURS = 5  # training images whose texts stand for those of an image
NGRAMS = (1, 3)  # letters within words

Similar = Callable[[slice], np.ndarray]
"""From some of the queries to their similarities to all candidates, (n, K)."""


def by_vectors(queries: np.ndarray, candidates: np.ndarray) -> Similar:
    """Cosines of vectors (Q, D) and (K, D) of length 1."""
    return lambda rows: (torch.from_numpy(queries[rows]) @ torch.from_numpy(candidates).T).numpy()


def by_words(queries: csr_matrix, candidates: csr_matrix) -> Similar:
    """The same of sparse ones."""
    return lambda rows: (queries[rows] @ candidates.T).toarray()


def ranks(similar: Similar, right: csr_matrix) -> np.ndarray:
    """How many wrong candidates stand before the first right one, (Q,) int64; as similar ones count as before it."""
    found = []
    for rows in _blocks(right.shape[0]):
        similarity, is_right = similar(rows), right[rows].toarray()
        best = np.where(is_right, similarity, -np.inf).max(1, keepdims=True)
        found.append(((similarity > best - TIED) & ~is_right).sum(1))
    return np.concatenate(found)


def best(similar: Similar, queries: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The most similar candidates of some queries (q,), the first of all first: numbers and similarities (q, most)."""
    similarity = np.concatenate([similar(slice(query, query + 1)) for query in queries.tolist()])
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :most]
    return order, np.take_along_axis(similarity, order, axis=1)


def scores(rank: np.ndarray, ks: Sequence[int]) -> dict[str, np.ndarray]:
    """Of the rank of each query (Q,) from 0 whether it is among the first k, and its reciprocal rank."""
    return {**{f"recall@{k}": rank < k for k in ks}, "mrr": 1 / (rank + 1)}


def modality_gap(images: np.ndarray, texts: np.ndarray) -> float:
    """Distance of the means of vectors of length 1, of images (N, D) and of texts (M, D): 0 to 2.

    Liang et al. 2022, "Mind the Gap", where it is called the modality gap.
    """
    return float(np.linalg.norm(images.mean(0, dtype=np.float64) - texts.mean(0, dtype=np.float64)))


def prompts(classes: Sequence[str], templates: Sequence[str]) -> list[str]:
    """The name of each class in each template, class by class; what joins the words of a name is a space."""
    names = [" ".join(name.replace("_", " ").replace("-", " ").split()) for name in classes]
    return [template.replace("{}", name) for name in names for template in templates]


def named(similarity: np.ndarray, templates: int) -> np.ndarray:
    """The class of each image by its similarities to `prompts` (N, classes * templates): (N,), by the mean."""
    return similarity.reshape(len(similarity), -1, templates).mean(2).argmax(1)


class Words:
    """Texts as TF-IDF of their letters, one to three in a row, fitted to some; and images by the texts of others."""

    def __init__(self, texts: Sequence[str]):
        from sklearn.feature_extraction.text import TfidfVectorizer  # a second, which others need not wait for

        self._fitted = TfidfVectorizer(analyzer="char_wb", ngram_range=NGRAMS, dtype=np.float32).fit(texts)

    def of(self, texts: Sequence[str]) -> csr_matrix:
        """Vectors (n, letters) of length 1."""
        return self._fitted.transform(texts)

    def of_images(self, nearest: np.ndarray, texts: Texts) -> csr_matrix:
        """For each image the sum of the vectors of all texts of those near it, (N, letters), of length 1.

        Args:
            nearest: Of each image the numbers (N, k) of those that have the `texts`.
        """
        every = self.of([texts[text] for text in range(len(texts))])
        images = len(texts.begins) - 1
        whose = csr_matrix((np.ones(len(texts), np.float32), (texts.image, np.arange(len(texts)))))
        near = csr_matrix(
            (
                np.ones(nearest.size, np.float32),
                (np.repeat(np.arange(len(nearest)), nearest.shape[1]), nearest.ravel()),
            ),
            (len(nearest), images),
        )
        summed = near @ (whose @ every)
        from sklearn.preprocessing import normalize

        return normalize(summed)


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(start, min(start + ROWS, rows)) for start in range(0, rows, ROWS))
