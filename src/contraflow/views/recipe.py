"""From the parameters of a run to what the kernels take."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from contraflow.views.kernels.draws import Recipe
from contraflow.views.settings import ViewRecipe

_RECORD = np.dtype([(name, np.float64) for name in Recipe._fields])


def make_recipe(view: ViewRecipe) -> Recipe:
    """What the parameters say of one view, as the kernels' flat record."""
    log_ratio = [float(Decimal(ratio).ln()) for ratio in view.crop_ratio]  # the same bits on every processor
    sigma_low, sigma_high = view.blur_sigma
    alike = {name: getattr(view, name) for name in Recipe._fields if name in ViewRecipe.model_fields}
    return Recipe(*view.crop_scale, *log_ratio, sigma_low=sigma_low, sigma_high=sigma_high, **alike)


def make_recipes(views: Sequence[ViewRecipe]) -> np.ndarray:
    """The recipes of several views, one record a view."""
    return np.array([tuple(make_recipe(view)) for view in views], _RECORD)


def make_table(mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """What each grey level becomes: (level / 255 - mean) / std, shape (channels, 256), float32.

    `mean` and `std` are one number a channel on the scale 0 to 1, `std` above 0.
    """
    levels = np.arange(256) / 255
    return np.stack([(levels - m) / s for m, s in zip(mean, std, strict=True)]).astype(np.float32)
