"""The search: each anchor's nearest others, its *candidates*."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from contraflow.encoded.kin import Kin, any_are
from contraflow.foundations.arrays import evenly
from contraflow.mining.approximate import InvertedLists
from contraflow.neighbours.bank import CPU, Bank

SAMPLE = 1_000  # anchors on which an approximate search is compared with the exact one


@dataclass(frozen=True)
class Candidates:
    """The nearest others of some anchors, as row numbers into the features that are mined.

    Attributes:
        anchor: (A,) int64.
        other: (A, C) int64, the nearest first, -1 behind them where there are fewer than C.
        similarity: (A, C) float32, cosine; -inf where there is no other.
        known: How many that are as near were left out, because they are known to be no negatives, (A,) int64; None
            where nobody asks.
    """

    anchor: np.ndarray
    other: np.ndarray
    similarity: np.ndarray
    known: np.ndarray | None = None

    @property
    def there(self) -> np.ndarray:
        """Which candidates there are: bool (A, C)."""
        return self.other >= 0

    @property
    def place(self) -> np.ndarray:
        """Places (C,) in the ranking, 0 for the nearest."""
        return np.arange(self.other.shape[1])


class Search:
    """The search among all rows of `features`: exact, or by inverted lists where there are too many rows.

    Args:
        features: (N, D) float32, finite, of length 1; they are read where they lie, which may be a mapped file.
        apart: Rows that are kin of the anchor by any of these, at least one, are no candidates.
        exact_up_to: More rows than this are searched approximately.
        device: Where an exact search computes.

    Attributes:
        kind: `exact` or `ivf`.
        recall: Of an approximate search, the share of the exact nearest `mining.candidates` that it finds; 1 if exact.
        looked_at: How many others of an anchor are found before its kin are left out.
    """

    def __init__(
        self,
        features: np.ndarray,
        apart: Sequence[Kin],
        *,
        count: int,
        exact_up_to: int,
        device: torch.device = CPU,
        threads: int = 1,
    ):
        self._features, self._apart = features, apart
        self._excluded = most_kin(apart)
        self.count = min(count, len(features) - 1)
        self.looked_at = self.count + self._excluded
        if len(features) <= exact_up_to:
            self.kind, self.recall = "exact", 1.0
            self._nearest = Bank(features, device=device).nearest
            return
        sample = evenly(len(features), SAMPLE)
        _, exact = Bank(features, device=device).nearest(features[sample], self.looked_at)
        lists = InvertedLists(features, threads)
        self.kind, self.recall = "ivf", lists.probe_enough(features[sample], exact)
        self._nearest = lists.nearest

    def candidates(self, anchor: np.ndarray, count: int | None = None) -> Candidates:
        """The `count` (None: `self.count`) nearest others of the rows `anchor` (A,), equally similar ones by row."""
        count = self.count if count is None else min(count, self.count)
        similarity, found = self._nearest(self._features[anchor], count + self._excluded)
        out = (found < 0) | any_are(self._apart, anchor, found)
        other, similarity = np.where(out, -1, found), np.where(out, np.float32(-np.inf), similarity)
        take = partial(np.take_along_axis, indices=np.argsort(out, axis=1, kind="stable")[:, :count], axis=1)
        known = (out & (found >= 0) & (found != anchor[:, None])).sum(axis=1)
        return Candidates(anchor, take(other), take(similarity), known)

    def lists(self, top: int, at_a_time: int) -> np.ndarray:
        """The `top` nearest others of every row, (N, top) int32, -1 for none; so many rows are searched at a time."""
        rows = np.arange(len(self._features))
        blocks = (rows[start : start + at_a_time] for start in range(0, len(rows), at_a_time))
        return np.concatenate([self.candidates(block, top).other.astype(np.int32) for block in blocks])


def most_kin(apart: Sequence[Kin]) -> int:
    """How many rows are kin of any, itself included, at most."""
    return int(sum(kin.count().max() - 1 for kin in apart)) + 1
