"""Weighted k-nearest-neighbour classification of features (Wu et al. 2018, "Unsupervised Feature Learning via
Non-Parametric Instance Discrimination", section 3.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from contraflow.neighbours.bank import nearest
from contraflow.neighbours.settings import Knn

VOTES = 2**23  # scores held at a time


@dataclass(frozen=True)
class Labelled:
    """Features (N, D) float32 and labels (N,) int64 of some images."""

    features: np.ndarray
    labels: np.ndarray

    def __getitem__(self, indices: np.ndarray) -> "Labelled":
        return Labelled(self.features[indices], self.labels[indices])


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


def knn_predictions(
    queries: np.ndarray, bank: Labelled, settings: Sequence[Knn], *, classes: int, device: torch.device
) -> dict[str, np.ndarray]:
    """Classes of queries (N, D) by weighted k-NN for each k and temperature, from one search: (N,) by name, `knnK`."""
    similarity, index = nearest(queries, bank.features, max(knn.k for knn in settings), device=device)
    labels = bank.labels[index]
    return {f"knn{knn.k}": vote(similarity, labels, k=knn.k, tau=knn.tau, classes=classes) for knn in settings}


def knn_accuracies(
    queries: Labelled, bank: Labelled, settings: Sequence[Knn], *, classes: int, device: torch.device
) -> dict[str, float]:
    """Accuracies (0 to 1) of `knn_predictions`, by name."""
    predicted = knn_predictions(queries.features, bank, settings, classes=classes, device=device)
    return {name: float((found == queries.labels).mean()) for name, found in predicted.items()}
