"""Random numbers for splitting a data set: a stream of its own for each purpose, the same everywhere."""

from enum import IntEnum

import numpy as np


class Draw(IntEnum):
    """What is drawn."""

    VALIDATION = 0
    TEST = 1
    LIMIT = 2


def generator(seed: int, draw: Draw) -> np.random.Generator:
    """A Philox generator keyed by the seed and the purpose."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, draw], np.uint64)))


def draw_validation(candidates: np.ndarray, *, fraction: float, seed: int) -> np.ndarray:
    """The validation images among the training images `candidates`, sorted int64 indices: `fraction` of them.

    At least one is drawn, and at least two are left.
    """
    n = len(candidates)
    count = min(max(1, round(fraction * n)), n - 2)
    return np.sort(candidates[generator(seed, Draw.VALIDATION).permutation(n)[:count]]).astype(np.int64)
