"""Augmented views of some images, for showing them; without torch, whose import takes seconds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contraflow.encoded.beton import open_beton
from contraflow.views.kernels.views import fill_views
from contraflow.views.recipe import make_recipes
from contraflow.views.settings import ViewRecipe


def read_views(
    beton: Path, indices: np.ndarray, views: Sequence[ViewRecipe], *, seed: int, epoch: int, size: int, first: int = 0
) -> np.ndarray:
    """The views that a `ViewLoader` of this seed gives of some images in an epoch, before they are normalised.

    Arguments are as there; `indices` is (n,), and `first` the number of the first of these views.

    Returns:
        Shape (views, n, size, size, C) uint8, C of 1 or 3.

    Raises:
        UserError: the file is missing or damaged.
    """
    file = open_beton(beton)
    indices = np.ascontiguousarray(indices, dtype=np.int64)
    recipes = make_recipes(views)
    levels = np.tile(np.arange(256, dtype=np.float32), (file.channels, 1))  # each grey level stays what it is
    made = np.empty((len(views), len(indices), file.channels, size, size), np.float32)

    def use(storage: np.ndarray, places: np.ndarray, start: int, stop: int) -> None:
        fill_views(storage, places, indices, start, stop, seed, epoch, first, recipes, levels, made)

    file.use_pixels(indices, use, 0, len(indices))
    return made.astype(np.uint8).transpose(0, 1, 3, 4, 2)
