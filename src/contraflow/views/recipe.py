"""From the parameters of a run to what the kernels take."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from contraflow.views.kernels.draws import RECIPE
from contraflow.views.settings import ViewRecipe


def make_recipes(views: Sequence[ViewRecipe]) -> np.ndarray:
    """What the parameters say of several views, as the kernels' records (`RECIPE`), one a view."""
    return np.array([_values(view) for view in views], RECIPE)


def _values(view: ViewRecipe) -> tuple[float, ...]:
    log_ratio = [float(Decimal(ratio).ln()) for ratio in view.crop_ratio]  # the same bits on every processor
    alike = [getattr(view, name) for name in RECIPE.names if name in ViewRecipe.model_fields]
    return *view.crop_scale, *log_ratio, *view.blur_sigma, *alike


def make_table(mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """What each grey level becomes: (level / 255 - mean) / std, shape (channels, 256), float32.

    `mean` and `std` are one number a channel on the scale 0 to 1, `std` above 0.
    """
    levels = np.arange(256) / 255
    return np.stack([(levels - m) / s for m, s in zip(mean, std, strict=True)]).astype(np.float32)
