"""Are an image's nearest others of its kind? Recall@k, mean reciprocal rank, R-precision and MAP@R."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from contraflow.neighbours.bank import QUERY_ROWS, Bank, unit
from contraflow.neighbours.knn import Labelled
from contraflow.neighbours.ranking import TIED, Ranking

FOUND = 2**24  # neighbours held at a time
SHOWN = 10  # nearest of each query that are kept


def retrieval_scores(
    images: Labelled, ks: Sequence[int], *, gallery: np.ndarray | None = None, device: torch.device
) -> dict[str, np.ndarray]:
    """Scores of each image as a query among all the others, which it is compared with by cosine; exact.

    With R the number of others of the query's label: `recall@k` is 1 where one of them is among the k nearest, else 0;
    `mrr` is one over the rank of the nearest of them; `r_precision` is their share of the R nearest; `map@r` is the
    mean over the ranks 1 to R of the share of them up to that rank, where there is one, else 0 (Musgrave, Belongie, Lim
    2020, "A Metric Learning Reality Check", section 4.2). Of equally similar images the earlier one comes first; for
    `mrr` all that are as similar as the nearest right one come before it.

    Args:
        images: Each with a label, -1 for none. Who has none is neither query nor found; who is alone with its label
            is found and is no query.
        ks: Of recall, at least 1; more than there are others means all.
        gallery: Which images, (N,) bool, are alone searched, and this by the others alone; None where each is searched
            by all others.

    Returns:
        By name, (Q,) float64, 0 to 1, in the order of the images; Q is 0 where nothing right can be found.
    """
    search = _Search(images, gallery)
    names = [*(f"recall@{k}" for k in ks), "mrr", "r_precision", "map@r"]
    scores = {name: np.zeros(len(search.query)) for name in names}
    if not len(search.query):
        return scores

    def place(rows: slice, cosines: np.ndarray) -> None:
        right = search.right(rows, search.every)
        best = np.where(right, cosines, -np.inf).max(1, keepdims=True)
        wrong = ~right & ~search.itself(rows, search.every)
        scores["mrr"][rows] = 1 / (1 + (wrong & (cosines > best - TIED)).sum(1))

    search.compare(place, device)
    for rows, index, _ in search.nearest(max(search.relevant.max(), *ks), device):
        relevant, right = search.relevant[rows], search.right(rows, index)
        rank = np.cumsum(~search.itself(rows, index), axis=1)
        for k in ks:
            scores[f"recall@{k}"][rows] = (right & (rank <= k)).any(1)
        hits = right & (rank <= relevant[:, None])
        scores["r_precision"][rows] = hits.sum(1) / relevant
        scores["map@r"][rows] = (hits * hits.cumsum(1) / np.maximum(rank, 1)).sum(1) / relevant
    return scores


def right_ones(images: Labelled, gallery: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """How many right ones there are for each query of `retrieval_scores`, (Q,), and among how many images."""
    search = _Search(images, gallery)
    return search.relevant, search.others


def rank_queries(images: Labelled, *, gallery: np.ndarray | None = None, device: torch.device) -> Ranking:
    """What each query finds, by the rules of `retrieval_scores`: its `SHOWN` nearest, or all where there are fewer."""
    search = _Search(images, gallery)
    shown, queries = min(SHOWN, max(0, search.others)), len(search.query)
    first, nearest = np.empty(queries, np.int64), np.empty((queries, shown), np.int64)
    similarity, right = np.empty((queries, shown), np.float32), np.empty((queries, shown), bool)
    for rows, index, cosine in search.nearest(shown, device) if queries else ():
        kept = np.argsort(search.itself(rows, index), axis=1, kind="stable")[:, :shown]
        index = np.take_along_axis(index, kept, 1)
        nearest[rows], right[rows] = search.gallery[index], search.right(rows, index)
        similarity[rows] = np.take_along_axis(cosine, kept, 1)

    def place(rows: slice, cosines: np.ndarray) -> None:
        """Every other image is looked at: the nearest right one may come last."""
        cosines = np.where(search.itself(rows, search.every), -np.inf, cosines)
        best = np.where(search.right(rows, search.every), cosines, -np.inf)
        found = best.argmax(1)[:, None]
        best = np.take_along_axis(best, found, 1)
        first[rows] = 1 + ((cosines > best) | ((cosines == best) & (search.every < found))).sum(1)

    if queries:
        search.compare(place, device)
    return Ranking(search.query, search.relevant, first, nearest, similarity, right)


class _Search:
    """Who searches for what among whom; rows are queries, indices into the gallery.

    Attributes:
        vectors: Of all images, (N, D) of length 1.
        query, gallery: Which of them search and are searched, (Q,) and (G,), rising.
        relevant: How many right ones each query can find, (Q,).
        others: How many images it is compared with.
        every: All places in the gallery, (1, G).
    """

    def __init__(self, images: Labelled, gallery: np.ndarray | None):
        known = images.labels >= 0
        among = known if gallery is None else known & gallery
        self.vectors, self.gallery = unit(images.features), np.flatnonzero(among)
        _, kind = np.unique(images.labels, return_inverse=True)
        place = np.where(among, np.cumsum(among) - 1, -1)  # in the gallery
        relevant = np.bincount(kind[among], minlength=len(kind))[kind] - among
        self.query = np.flatnonzero((known if gallery is None else known & ~gallery) & (relevant > 0))
        self.relevant, self._own = relevant[self.query], place[self.query]
        self._searched, self._wanted = kind[self.gallery], kind[self.query]
        self.others = len(self.gallery) - (gallery is None)
        self.every = np.arange(len(self.gallery))[None]

    def bank(self, device: torch.device, query_rows: int = QUERY_ROWS) -> Bank:
        return Bank(self.vectors[self.gallery], device=device, query_rows=min(max(1, query_rows), QUERY_ROWS))

    def nearest(self, k: int, device: torch.device) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """For some queries at a time their `k` nearest and one more, for each may find itself, and their cosines."""
        bank, most = self.bank(device), min(int(k) + 1, len(self.gallery))
        step = max(1, FOUND // most)
        for start in range(0, len(self.query), step):
            rows = slice(start, min(start + step, len(self.query)))
            similarity, index = bank.nearest(self.vectors[self.query[rows]], most)
            yield rows, index, similarity

    def compare(self, use: Callable[[slice, np.ndarray], None], device: torch.device) -> None:
        """Call `use` for some queries at a time with their cosines to all of the gallery, as `Bank.compare`."""
        self.bank(device, query_rows=FOUND // len(self.gallery)).compare(self.vectors[self.query], use)

    def itself(self, rows: slice, index: np.ndarray) -> np.ndarray:
        """Whether what was found (B, k), or what is compared (1, G), is the query itself."""
        return index == self._own[rows, None]

    def right(self, rows: slice, index: np.ndarray) -> np.ndarray:
        """Whether it is another of the query's kind."""
        return (self._searched[index] == self._wanted[rows, None]) & ~self.itself(rows, index)
