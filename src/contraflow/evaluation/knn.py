"""Weighted k-nearest-neighbour classification of features (Wu et al. 2018, "Unsupervised Feature Learning via
Non-Parametric Instance Discrimination", section 3.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from contraflow.config import Knn

CPU = torch.device("cpu")
QUERY_ROWS = 512
BANK_ROWS = 65536
# Matrix products with fewer rows may take another path in the library, which rounds differently.
FEWEST_ROWS = 128
VOTES = 2**23  # scores held at a time


@dataclass(frozen=True)
class Labelled:
    """Features (N, D) float32 and labels (N,) int64 of some images."""

    features: np.ndarray
    labels: np.ndarray

    def __getitem__(self, indices: np.ndarray) -> "Labelled":
        return Labelled(self.features[indices], self.labels[indices])


def nearest(
    queries: np.ndarray,
    bank: np.ndarray,
    k: int,
    *,
    device: torch.device = CPU,
    query_rows: int = QUERY_ROWS,
    bank_rows: int = BANK_ROWS,
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` vectors of `bank` that are most similar to each query, by cosine in float32; exact.

    Of equally similar vectors the one with the lower index comes first. A vector of zeros has similarity 0 to all.
    The result does not depend on the rows taken at a time, which bound the memory: 4 bytes for each pair.

    Args:
        queries: Shape (N, D), finite.
        bank: Shape (M, D), finite, M at least 1.
        k: At least 1; more than M means M.
        device: Where to compute.
        query_rows: Queries taken at a time.
        bank_rows: Bank vectors taken at a time.

    Returns:
        Similarities (N, k) float32, falling, and indices into the bank (N, k) int64.
    """
    k = min(k, len(bank))
    tiles = [(start, _unit(bank[start : start + bank_rows], device).T) for start in range(0, len(bank), bank_rows)]
    similarity = np.empty((len(queries), k), np.float32)
    index = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), query_rows):
        rows = slice(start, min(start + query_rows, len(queries)))
        query = _unit(queries[rows], device)
        best: tuple[Tensor, Tensor] | None = None
        for offset, tile in tiles:
            inside = min(bank_rows, len(bank) - offset)
            values, places = _top((query @ tile)[: rows.stop - start, :inside], min(k, inside))
            places += offset
            if best is not None:  # what is there already has lower indices and wins among equals
                values, places = torch.cat([best[0], values], 1), torch.cat([best[1], places], 1)
                values, order = values.sort(dim=1, descending=True, stable=True)
                values, places = values[:, :k], places.gather(1, order[:, :k])
            best = values, places
        similarity[rows], index[rows] = best[0].cpu().numpy(), best[1].cpu().numpy()
    return similarity, index


def vote(similarity: np.ndarray, neighbour_labels: np.ndarray, *, k: int, tau: float, classes: int) -> np.ndarray:
    """The class with the greatest sum of exp(similarity / tau) among the first `k` neighbours.

    Of classes with equal sums the lower one is taken.

    Args:
        similarity: Shape (N, K), falling along a row.
        neighbour_labels: Shape (N, K), 0 to `classes` - 1.
        k: Neighbours that vote; more than K means K.
        tau: Temperature, greater than 0.
        classes: Number of classes, whether they occur or not.

    Returns:
        Predicted classes (N,) int64.
    """
    similarity, neighbour_labels = similarity[:, :k].astype(np.float64), neighbour_labels[:, :k]
    # a common factor for each query changes no vote, and exp cannot overflow
    weights = np.exp((similarity - similarity[:, :1]) / tau)
    predicted = np.empty(len(weights), np.int64)
    step = max(1, VOTES // classes)
    for start in range(0, len(weights), step):
        labels = neighbour_labels[start : start + step]
        cells = np.arange(len(labels))[:, None] * classes + labels
        scores = np.bincount(cells.ravel(), weights[start : start + step].ravel(), len(labels) * classes)
        predicted[start : start + step] = scores.reshape(-1, classes).argmax(1)
    return predicted


def knn_accuracies(
    queries: Labelled, bank: Labelled, settings: Sequence[Knn], *, classes: int, device: torch.device
) -> dict[str, float]:
    """Accuracy (0 to 1) of weighted k-NN for each k and temperature, from one search; by name, `knnK`."""
    similarity, index = nearest(queries.features, bank.features, max(knn.k for knn in settings), device=device)
    labels = bank.labels[index]
    return {
        f"knn{knn.k}": float((vote(similarity, labels, k=knn.k, tau=knn.tau, classes=classes) == queries.labels).mean())
        for knn in settings
    }


def _unit(vectors: np.ndarray, device: torch.device) -> Tensor:
    """Vectors of length 1, with rows of zeros below where there are few."""
    unit = functional.normalize(torch.from_numpy(np.ascontiguousarray(vectors, np.float32)).to(device))
    return functional.pad(unit, (0, 0, 0, max(0, FEWEST_ROWS - len(unit))))


def _top(similarity: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The `k` greatest values of each row and their columns, the lower column first among equals."""
    # One more than asked for shows where equal values lie on both sides of the cut; there topk's choice is arbitrary.
    values, columns = similarity.topk(min(k + 1, similarity.shape[1]), dim=1)
    if values.shape[1] > k:
        tied = (values[:, k] == values[:, k - 1]).nonzero()[:, 0]
        values, columns = values[:, :k], columns[:, :k]
        if len(tied):
            all_values, all_columns = similarity[tied].sort(dim=1, descending=True, stable=True)
            values[tied], columns[tied] = all_values[:, :k], all_columns[:, :k]
    columns, order = columns.sort(dim=1)
    values, by_value = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, by_value)
