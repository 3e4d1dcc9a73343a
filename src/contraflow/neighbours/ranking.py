"""What queries found. No torch: pages read it."""

from dataclasses import dataclass

import numpy as np

TIED = 1e-6  # similarities that differ by less are equal: so much rounding may do


@dataclass(frozen=True)
class Ranking:
    """Queries with their nearest others, in the order of the images; indices are of all images.

    Attributes:
        query: Indices (Q,) int64, rising.
        relevant: How many others are right, (Q,) int64, at least 1.
        first: Rank of the nearest right one, (Q,) int64, from 1.
        nearest: Indices of the nearest others, the nearest first, (Q, k) int64.
        similarity: Their cosines, (Q, k) float32, falling.
        right: Whether they are right, (Q, k) bool.
    """

    query: np.ndarray
    relevant: np.ndarray
    first: np.ndarray
    nearest: np.ndarray
    similarity: np.ndarray
    right: np.ndarray

    def worst(self, most: int) -> np.ndarray:
        """Places of so many queries whose nearest right one comes last; of equals the earlier one first."""
        return np.argsort(-self.first, kind="stable")[:most]


@dataclass(frozen=True)
class Pairs:
    """Some images, each with its nearest.

    Attributes:
        pair: Indices of both, (P, 2) int64.
        cosine: Of their features, (P,) float32.
        worst: Whether the image is among the worst queries, (P,) bool.
    """

    pair: np.ndarray
    cosine: np.ndarray
    worst: np.ndarray
