"""The search: each anchor's nearest others, its *candidates*."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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

    Where there are `texts`, too, row i of them is of what image i shows, and images are compared through these: two are
    as similar as the more similar of the first one's image with the second one's text and of the reverse. Both ways are
    searched, and each other counts once.

    Args:
        features: (N, D) float32, finite, of length 1; they are read where they lie, which may be a mapped file.
        apart: Rows that are kin of the anchor by any of these, at least one, are no candidates.
        exact_up_to: More rows than this are searched approximately.
        device: Where an exact search computes.
        texts: (N, D), as `features`.
        beside: As for `InvertedLists`.

    Attributes:
        kind: `exact` or `ivf`.
        recall: Of an approximate search, the share of the exact nearest `mining.candidates` that it finds, the smaller
            of both ways; 1 if exact.
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
        texts: np.ndarray | None = None,
        beside: Path | None = None,
    ):
        self._apart = apart
        self._excluded = most_kin(apart)
        self.count = min(count, len(features) - 1)
        reach = self.count + self._excluded
        sides = [(features, features)] if texts is None else [(features, texts), (texts, features)]
        exact = len(features) <= exact_up_to
        self._ways = [
            _exact_way(*side, device) if exact else _approximate_way(*side, reach, device, threads, beside)
            for side in sides
        ]
        self.kind, self.recall = "exact" if exact else "ivf", min(way.recall for way in self._ways)
        self.looked_at = reach * len(self._ways)

    def candidates(self, anchor: np.ndarray, count: int | None = None) -> Candidates:
        """The `count` (None: `self.count`) nearest others of the rows `anchor` (A,), equally similar ones by row."""
        count = self.count if count is None else min(count, self.count)
        similarity, found = self._nearest(anchor, count + self._excluded)
        out = (found < 0) | any_are(self._apart, anchor, found)
        other, similarity = np.where(out, -1, found), np.where(out, np.float32(-np.inf), similarity)
        take = partial(np.take_along_axis, indices=np.argsort(out, axis=1, kind="stable")[:, :count], axis=1)
        known = (out & (found >= 0) & (found != anchor[:, None])).sum(axis=1)
        return Candidates(anchor, take(other), take(similarity), known)

    def similarity(self, anchor: np.ndarray, other: np.ndarray) -> np.ndarray:
        """How similar the rows `other` (A, C) are to their anchors (A,): (A, C) float32."""
        ways = (np.einsum("ad,acd->ac", way.queries[anchor], way.keys[other]) for way in self._ways)
        return np.maximum.reduce(list(ways))

    def _nearest(self, anchor: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        found = [way.nearest(way.queries[anchor], count) for way in self._ways]
        return found[0] if len(found) == 1 else _nearest_of_both(*found)

    def lists(self, top: int, at_a_time: int) -> np.ndarray:
        """The `top` nearest others of every row, (N, top) int32, -1 for none; so many rows are searched at a time."""
        rows = np.arange(len(self._ways[0].queries))
        blocks = (rows[start : start + at_a_time] for start in range(0, len(rows), at_a_time))
        return np.concatenate([self.candidates(block, top).other.astype(np.int32) for block in blocks])


def most_kin(apart: Sequence[Kin]) -> int:
    """How many rows are kin of any, itself included, at most."""
    return int(sum(kin.count().max() - 1 for kin in apart)) + 1


@dataclass(frozen=True)
class _Way:
    """Whose nearest (Q, D) are searched among whom (N, D), by a function of queries and how many, and its recall."""

    queries: np.ndarray
    keys: np.ndarray
    nearest: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
    recall: float = 1.0


def _exact_way(queries: np.ndarray, keys: np.ndarray, device: torch.device) -> _Way:
    return _Way(queries, keys, Bank(keys, device=device).nearest)


def _approximate_way(
    queries: np.ndarray, keys: np.ndarray, reach: int, device: torch.device, threads: int, beside: Path | None
) -> _Way:
    sample = evenly(len(queries), SAMPLE)
    _, exact = Bank(keys, device=device).nearest(queries[sample], reach)
    lists = InvertedLists(keys, threads, beside)
    return _Way(queries, keys, lists.nearest, lists.probe_enough(queries[sample], exact))


def _nearest_of_both(
    one: tuple[np.ndarray, np.ndarray], two: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Of two lists of similarities and rows (A, C), by falling similarity, the nearest C, each row once."""
    similarity, found = (np.concatenate(both, axis=1) for both in zip(one, two, strict=True))
    order = np.lexsort((-similarity, found), axis=1)
    similarity, found = (np.take_along_axis(each, order, 1) for each in (similarity, found))
    again = np.zeros(found.shape, bool)
    again[:, 1:] = found[:, 1:] == found[:, :-1]
    similarity, found = np.where(again, np.float32(-np.inf), similarity), np.where(again, -1, found)
    order = np.lexsort((found, -similarity), axis=1)[:, : one[0].shape[1]]
    return np.take_along_axis(similarity, order, 1), np.take_along_axis(found, order, 1)
