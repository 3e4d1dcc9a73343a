"""Policies: which of the candidates that are not suspected become an anchor's hard negatives.

A policy gives every candidate a score, and those with the highest are taken; -inf is never taken. What it draws comes
from `noise`, uniform numbers between 0 and 1, one a candidate.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from contraflow.encoded.kin import Kin, any_are
from contraflow.mining.search import Candidates, most_kin

Draws = Iterator[np.random.Generator]


def hardest(candidates: Candidates) -> np.ndarray:
    """The nearest."""
    return np.broadcast_to(-candidates.place.astype(np.float64), candidates.other.shape)


def semi_hard(candidates: Candidates, noise: np.ndarray, first: int, last: int) -> np.ndarray:
    """Any of those at places `first` to below `last`, all as likely: neither the hardest nor the easy ones."""
    return np.where((candidates.place >= first) & (candidates.place < last), noise, -np.inf)


def within_margin(candidates: Candidates, noise: np.ndarray, least: float, most: float) -> np.ndarray:
    """Any of those with a similarity of `least` to `most`, all as likely."""
    return np.where((candidates.similarity >= least) & (candidates.similarity <= most), noise, -np.inf)


def weighted(candidates: Candidates, noise: np.ndarray, tau: float) -> np.ndarray:
    """Drawn without replacement in proportion to exp(similarity / tau): the Gumbel top-k trick (Kool et al. 2019,
    "Stochastic Beams and Where to Find Them", section 2.3).
    """
    return candidates.similarity / tau - np.log(-np.log(noise))


def take_highest(score: np.ndarray, k: int) -> np.ndarray:
    """Places (A, k) of the `k` highest scores (A, C) in each row, rising; of equal scores the nearest."""
    return np.sort(np.argsort(-score, axis=1, kind="stable")[:, :k], axis=1)


def random_others(
    candidates: Candidates, suspected: np.ndarray, k: int, *, apart: Sequence[Kin], draws: Draws
) -> np.ndarray:
    """`k` others of each anchor, all as likely, not its kin and not suspected: rows (A, k).

    The control of all policies: drawn from the whole data, near or far. Where fewer are left, -1 stands in their place.

    Args:
        suspected: bool (A, C).
        apart: As for `Search`.
        draws: A generator for each anchor.
    """
    found = np.full((len(candidates.anchor), k), -1, np.int64)
    n, most = len(apart[0].places), most_kin(apart)
    for row, draw in enumerate(draws):
        barred = candidates.other[row, suspected[row]]
        drawn = draw.choice(n, min(n, k + len(barred) + most), replace=False)
        kin = any_are(apart, candidates.anchor[[row]], drawn[None])[0]
        drawn = drawn[~kin & ~np.isin(drawn, barred)][:k]
        found[row, : len(drawn)] = drawn
    return found
