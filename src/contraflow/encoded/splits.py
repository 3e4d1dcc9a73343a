"""Which images are held out, and which labels a training may see; drawn the same everywhere."""

import math
from collections.abc import Callable
from enum import IntEnum

import numpy as np

from contraflow.foundations.shares import held_out, part_of

UNLABELLED = -1


class Draw(IntEnum):
    """What is drawn."""

    VALIDATION = 0
    TEST = 1
    LIMIT = 2


def generator(seed: int, draw: Draw) -> np.random.Generator:
    """A Philox generator keyed by the seed and the purpose."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, draw], np.uint64)))


def draw_validation(
    candidates: np.ndarray,
    *,
    fraction: float,
    seed: int,
    classes: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """The validation images among the training images `candidates`, sorted int64 indices: `fraction` of them.

    At least one is drawn, and at least two are left. By the `classes` (N,) of the candidates, two or more, whole
    classes are drawn until that share is reached: of those, too, at least one is drawn and one left. By their `groups`
    (N,), -1 for what stays, whole groups are drawn (see `draw_near`), of three or more two are left.
    """
    n, random = len(candidates), generator(seed, Draw.VALIDATION)
    if classes is not None:
        return candidates[draw_groups(classes, fraction, random)].astype(np.int64)
    if groups is not None:
        return candidates[draw_near(groups, held_out(n, fraction), random)].astype(np.int64)
    return np.sort(candidates[random.permutation(n)[: held_out(n, fraction)]]).astype(np.int64)


def draw_groups(groups: np.ndarray, fraction: float, random: np.random.Generator) -> np.ndarray:
    """Whole groups, of the group (N,) of each image, until the share is reached: (N,) bool.

    At least one is drawn, and never all.
    """
    names, sizes = np.unique(groups, return_counts=True)
    order = random.permutation(len(names))
    enough = np.searchsorted(np.cumsum(sizes[order]), round(part_of(len(groups), fraction))) + 1
    return np.isin(groups, names[order[: min(enough, len(names) - 1)]])


def draw_near(groups: np.ndarray, images: int, random: np.random.Generator) -> np.ndarray:
    """Whole groups with about so many `images`, of the group (N,) of each, -1 for what stays: (N,) bool.

    In the order of a draw each group is taken that still fits. Where some are missing then, the smallest of the others
    is taken, too, if that comes nearer, and in any case if none fitted. Two groups stay.
    """
    names, sizes = np.unique(groups[groups >= 0], return_counts=True)
    most, missing, taken, others = len(np.unique(groups)) - 2, images, [], []
    for group in random.permutation(len(names)).tolist():
        fits = sizes[group] <= missing and len(taken) < most
        (taken if fits else others).append(group)
        missing -= fits * sizes[group]
    smallest = min(others, key=sizes.__getitem__)
    if not taken or (len(taken) < most and sizes[smallest] < 2 * missing):
        taken.append(smallest)
    return np.isin(groups, names[taken])


def draw_labelled(labels: np.ndarray, indices: np.ndarray, *, fraction: float, seed: int) -> np.ndarray:
    """Labels (N,) int64, all hidden, as -1, but for a share of those of the training images, which are at `indices`.

    Of each class the same `fraction`, above 0 to 1, is kept, rounded up, so that none is without; which images these
    are is a function of the arguments alone.
    """
    return _draw(labels, indices, seed, lambda members: math.ceil(part_of(members, fraction)))


def draw_each(labels: np.ndarray, indices: np.ndarray, *, count: int, seed: int) -> np.ndarray:
    """As `draw_labelled`, but of each class `count` labels are kept, or all where there are fewer."""
    return _draw(labels, indices, seed, lambda members: count)


def _draw(labels: np.ndarray, indices: np.ndarray, seed: int, wanted: Callable[[int], int]) -> np.ndarray:
    """Keep the label of so many images of each class as are `wanted` of its members."""
    kept = np.full_like(labels, UNLABELLED)
    random = np.random.Generator(np.random.Philox(key=seed))
    own = labels[indices]
    for label in np.unique(own[own != UNLABELLED]):
        members = indices[own == label]
        kept[random.permutation(members)[: wanted(len(members))]] = label
    return kept
