"""Which labels a training may see."""

import math

import numpy as np

UNLABELLED = -1


def draw_labelled(labels: np.ndarray, indices: np.ndarray, *, fraction: float, seed: int) -> np.ndarray:
    """Labels (N,) of which all but a share of those at `indices` are hidden, as -1.

    Of each class the same share is kept, rounded up, so that none is without; a function of the arguments alone.

    Args:
        labels: Shape (N,) int64, -1 for none.
        indices: Of the training images; no other label is kept.
        fraction: Share of each class, greater than 0 to 1.
        seed: Draws the images.
    """
    kept = np.full_like(labels, UNLABELLED)
    random = np.random.Generator(np.random.Philox(key=seed))
    for label in np.unique(labels[indices]):
        members = indices[labels[indices] == label]
        chosen = random.permutation(members)[: math.ceil(fraction * len(members))]
        kept[chosen] = label
    return kept
