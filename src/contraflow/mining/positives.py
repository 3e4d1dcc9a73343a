"""How similar each anchor is to its positives: what a false negative is measured against."""

from collections.abc import Callable

import numpy as np

from contraflow.encoded.kin import Kin

SimilarityToPositives = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


def known_positives(kin: Kin | None, rows: int) -> np.ndarray:
    """Which rows (N,) have known positives: kin beside themselves; bool. Views stand for those of the others."""
    everyone = np.arange(rows)
    return np.zeros(rows, bool) if kin is None else kin.partners(everyone, seed=0, epoch=0) != everyone


def similarity_to_positives(
    features: np.ndarray, kin: Kin | None, *, draws: int, seed: int, number: int
) -> SimilarityToPositives:
    """The function that gives the mean similarity of anchors, rows (A,), to their positives, (A,) float32.

    These are so many of an anchor's kin, drawn as a training draws partners; of an anchor that has none, the `views`
    (A, V, D) that the function is given.

    Args:
        features: (N, D), of length 1.
        kin: Of the rows.
        draws: Of each anchor.
        seed, number: Of the training and of the round.
    """
    known, everyone = known_positives(kin, len(features)), np.arange(len(features))
    epochs = range(number * draws, (number + 1) * draws)
    drawn = [kin.partners(everyone, seed=seed, epoch=epoch) for epoch in epochs] if known.any() else []

    def of(rows: np.ndarray, views: np.ndarray | None) -> np.ndarray:
        own, found = features[rows], np.zeros(len(rows), np.float32)
        if drawn:
            found = np.mean([np.einsum("ad,ad->a", own, features[partner[rows]]) for partner in drawn], axis=0)
        alone = ~known[rows]
        if alone.any():
            found[alone] = np.einsum("ad,avd->av", own[alone], views[alone]).mean(axis=1)
        return found

    return of
