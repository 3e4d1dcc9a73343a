"""Loaders of whatever a data set holds: of its images, or where texts are all that it has, of these."""

from collections.abc import Sequence

import numpy as np
import torch

from contraflow.encoded.card import EncodedData
from contraflow.encoded.kin import Kin
from contraflow.views.device_loader import view_loader
from contraflow.views.loader import ImageLoader, ViewLoader
from contraflow.views.settings import ViewRecipe
from contraflow.views.texts import MOST, TextLoader, TextViews

CPU = torch.device("cpu")


def item_loader(
    data: EncodedData,
    split: str,
    *,
    batch_size: int,
    threads: int,
    indices: np.ndarray | None = None,
    given: dict | None = None,
) -> ImageLoader | TextLoader:
    """The items of `train` or `test` as they are.

    Args:
        threads: That load images.
        given: How an encoder wants images to be normalised, where it was not made for these.
    """
    if data.card.items == "texts":
        return TextLoader(data.texts[split], batch_size=batch_size, indices=indices)
    how = {"batch_size": batch_size, "threads": threads, "indices": indices}
    return ImageLoader(data.beton(split), **how, **data.card.loading | (given or {}))


def item_views(
    data: EncodedData,
    split: str,
    recipes: Sequence[ViewRecipe],
    *,
    seed: int,
    batch_size: int,
    indices: np.ndarray | None = None,
    kin: Kin | None = None,
    part: int = 0,
    parts: int = 1,
    given: dict | None = None,
    device: torch.device = CPU,
    half: bool = False,
    tokens: int = MOST,
    **of_images,
) -> ViewLoader | TextViews:
    """Views of the items of `train` or `test`, one a recipe.

    Arguments are those of `view_loader`, `given` that of `item_loader`, and `tokens` how many are read of a text.
    """
    which = {"seed": seed, "batch_size": batch_size, "indices": indices, "kin": kin, "part": part, "parts": parts}
    if data.card.items == "texts":
        return TextViews(data.texts[split], recipes, around=data.around, tokens=tokens, **which)
    how = of_images | data.card.loading | (given or {})
    return view_loader(data.beton(split), recipes, device=device, half=half, **which, **how)
