"""Two views by the operations that FFCV brings along: no hue, no grey, no blur; one pipeline a view."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from contraflow.images import writer  # noqa: F401  takes the side effects out of later imports of ffcv
from contraflow.views.settings import ViewRecipe


def builtin(path: Path, size: int, recipe: ViewRecipe, batch_size: int, workers: int) -> Iterable:
    """Views of a file of colour images, of any sizes and modes. Sets torch's and numba's threads, as FFCV does."""
    from ffcv import transforms
    from ffcv.fields.rgb_image import RandomResizedCropRGBImageDecoder
    from ffcv.loader import Loader, OrderOption
    from ffcv.pipeline import PipelineSpec

    pipelines = {"image": None, "label": None}
    for view in ("view0", "view1"):
        decoder = RandomResizedCropRGBImageDecoder(
            (size, size), scale=tuple(recipe.crop_scale), ratio=tuple(recipe.crop_ratio)
        )
        operations = [
            transforms.RandomHorizontalFlip(recipe.flip),
            transforms.RandomBrightness(recipe.brightness, recipe.jitter),
            transforms.RandomContrast(recipe.contrast, recipe.jitter),
            transforms.RandomSaturation(recipe.saturation, recipe.jitter),
            transforms.NormalizeImage(np.full(3, 127.5), np.full(3, 63.75), np.float32),
            transforms.ToTensor(),
            transforms.ToTorchImage(),
        ]
        pipelines[view] = PipelineSpec("image", decoder=decoder, transforms=operations)
    order = OrderOption.RANDOM
    return Loader(str(path), batch_size, num_workers=workers, order=order, pipelines=pipelines, seed=0)
