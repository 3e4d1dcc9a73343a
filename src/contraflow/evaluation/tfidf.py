"""Texts as bags of tokens: what any representation of texts has to beat."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from contraflow.encoded.texts import Rows
from contraflow.foundations.threads import one_thread

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfTransformer

COMPONENTS = 1024  # of texts that have more tokens than that: a probe on all would take an hour
SEED = 0  # of the randomised decomposition


class BagOfTokens(nn.Module):
    """Maps rows (B, 1 + T), as `contraflow.views.texts` gives them, to TF-IDF of all their tokens, reduced (B, D).

    Frequencies count as 1 + log, and vectors have length 1 before they are reduced. Inverse document frequencies, and
    the axes of the truncated singular value decomposition (Deerwester et al. 1990, "Indexing by Latent Semantic
    Analysis"), are those that scikit-learn finds in some texts.

    Args:
        tokens: Of the texts that it learns from.
        vocabulary: How many tokens there are.
    """

    def __init__(self, tokens: Rows, vocabulary: int):
        from sklearn.decomposition import TruncatedSVD  # a second, which other representations need not wait for

        super().__init__()
        counts = _counts(tokens, vocabulary)
        weighing = _weighing(counts)
        weighed = weighing.transform(counts)
        reduced = TruncatedSVD(min(COMPONENTS, len(tokens), vocabulary), random_state=SEED)
        with one_thread():
            reduced.fit(weighed)
        self.register_buffer("idf", torch.from_numpy(weighing.idf_.astype(np.float32)))
        self.register_buffer("axes", torch.from_numpy(reduced.components_.T.astype(np.float32)))

    def forward(self, rows: Tensor) -> Tensor:
        tokens = rows[:, 1:]
        counts = torch.zeros(len(rows), len(self.idf), device=rows.device)
        counts.scatter_add_(1, tokens, (tokens > 0).float())  # 0 only fills up
        weighed = torch.where(counts > 0, 1 + counts.clamp(min=1).log(), 0) * self.idf
        return nn.functional.normalize(weighed) @ self.axes


def tfidf(tokens: Rows, known: Rows, vocabulary: int) -> csr_matrix:
    """The same before it is reduced: vectors (N, vocabulary) of length 1 of texts, where others are `known`."""
    return _weighing(_counts(known, vocabulary)).transform(_counts(tokens, vocabulary))


def _weighing(counts: csr_matrix) -> "TfidfTransformer":
    """By the inverse document frequencies of some texts."""
    from sklearn.feature_extraction.text import TfidfTransformer

    return TfidfTransformer(sublinear_tf=True).fit(counts)


def _counts(tokens: Rows, vocabulary: int) -> csr_matrix:
    """How often each token stands in each text, (N, vocabulary) float32."""
    ones = np.ones(len(tokens.values), np.float32)
    counts = csr_matrix((ones, tokens.values, tokens.begins), (len(tokens), vocabulary), copy=True)
    counts.sum_duplicates()
    return counts
