"""From the parameters of a run to what the kernels take."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from contraflow.config import Augment
from contraflow.data.kernels.draws import Recipe


def _log(value: float) -> float:
    """Natural logarithm by decimal arithmetic: the same bits on every processor."""
    return float(Decimal(value).ln())


def make_recipe(augment: Augment) -> Recipe:
    """The section `augment` of the parameters as the kernels' flat record."""
    return Recipe(
        *augment.crop_scale,
        *map(_log, augment.crop_ratio),
        augment.flip,
        augment.rotation,
        augment.jitter,
        augment.brightness,
        augment.contrast,
        augment.saturation,
        augment.hue,
        augment.grey,
        augment.blur,
        *augment.blur_sigma,
        augment.solarise,
    )


def make_table(mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """What each grey level becomes: (level / 255 - mean) / std, shape (channels, 256), float32.

    `mean` and `std` are one number a channel on the scale 0 to 1, `std` above 0.
    """
    levels = np.arange(256) / 255
    return np.stack([(levels - m) / s for m, s in zip(mean, std, strict=True)]).astype(np.float32)


def epoch_order(indices: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """`indices` in the random order of one epoch: a function of (seed, epoch) alone."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64))).permutation(indices)
