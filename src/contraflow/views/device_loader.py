"""Views made in batches on the device where a training computes, from a small data set that lives there whole."""

from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from contraflow.devices import send
from contraflow.encoded.beton import Beton, open_beton
from contraflow.views import device_steps as steps
from contraflow.views.batch import Batch
from contraflow.views.kernels.blur import blur_radius
from contraflow.views.kernels.draws import DRAWN
from contraflow.views.kernels.views import fill_draws, fill_windows
from contraflow.views.loader import ViewLoader
from contraflow.views.settings import ViewRecipe

MOST_BYTES = 2**31  # of pixels on a device


def view_loader(beton: Path, views: Sequence[ViewRecipe], *, device: torch.device, half: bool, **options) -> ViewLoader:
    """The loader that suits a device: a GPU makes its views itself where the images fit there; else it is sent them in
    the order in memory that its convolutions want and, where `half` of the precision is enough, in float16."""
    if device.type != "cuda":
        return ViewLoader(beton, views, **options)
    if fits(open_beton(beton)):
        return DeviceViewLoader(beton, views, device=device, **options)
    return ViewLoader(beton, views, half=half, channels_last=True, **options)


def fits(file: Beton) -> bool:
    """Whether a file's images may live on a device: all raw, of one size, and not too many."""
    return file.size is not None and not file.jpeg.any() and int(file.bytes.sum()) <= MOST_BYTES


class DeviceViewLoader(ViewLoader):
    """The same views as a `ViewLoader` gives, on `device`; the other arguments are as there.

    Raises:
        ValueError: the images do not fit (`fits`).
    """

    def __init__(self, beton: Path, views: Sequence[ViewRecipe], *, device: torch.device, **options) -> None:
        super().__init__(beton, views, **options)
        if not fits(self._file):
            raise ValueError(f"{beton} cannot live on a device: images are JPEG, of several sizes, or too many")
        shape = (*self._file.size, self._file.channels)
        pixels = np.stack([self._file.stored(i).reshape(shape) for i in range(len(self._file))])
        self._pixels = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).contiguous()
        self._levels = torch.from_numpy(self._table).to(device)
        self._channels = torch.arange(shape[2], device=device)[:, None, None]

    def _batches(self, epoch: int, order: np.ndarray) -> Iterator[Batch]:
        partners = self._partners(epoch)
        for indices in self._slices(order):
            own, theirs = indices[self._part], None
            if partners is None:
                views = self._make(epoch, own, self._recipes, 0, self.image_shape)
            else:
                theirs = partners[indices]
                first = self._make(epoch, own, self._recipes[:1], 0, self.image_shape)
                others = self._make(epoch, theirs[self._part], self._recipes[1:], 1, self.image_shape)
                views, theirs = torch.cat([first, others]), torch.from_numpy(theirs)
            local = None
            if len(self._local):
                local = self._make(epoch, own, self._local, len(self._recipes), self._local_shape)
            yield Batch(views, torch.from_numpy(indices), partner=theirs, local=local)

    def _make(self, epoch: int, indices: np.ndarray, recipes: np.ndarray, first: int, shape: tuple) -> Tensor:
        """Normalised views (V, N, C, H, W)."""
        height, width = self._file.size
        draws = np.empty((len(recipes), len(indices)), DRAWN)
        radius = max(blur_radius(recipe["sigma_high"]) if recipe["blur"] > 0 else 0 for recipe in recipes)
        bells = np.zeros((*draws.shape, radius + 1), np.int32)
        fill_draws(indices, self.seed, epoch, first, recipes, height, width, draws, bells)
        across = _windows(draws["left"], draws["width"], draws["flip"], width, shape[2])
        down = _windows(draws["top"], draws["height"], np.zeros(draws.shape, bool), height, shape[1])
        stored = self._pixels[self._sent(indices)]
        made = []
        for view, recipe in enumerate(recipes):
            images = steps.resize(stored, 3, *(self._sent(part[view]) for part in across))
            images = steps.resize(images, 2, *(self._sent(part[view]) for part in down))
            made.append(_changed(images, recipe, draws[view], bells[view]))
        return torch.stack([self._levels[self._channels, view.int()] for view in made])

    def _sent(self, numbers: np.ndarray) -> Tensor:
        return send(torch.from_numpy(numbers), self._pixels.device)


def _windows(starts: np.ndarray, lengths: np.ndarray, mirrored: np.ndarray, limit: int, size: int) -> tuple:
    """First pixels and weights of crops of `limit` pixels, as `fill_windows` has them."""
    most = 2 * ceil(max(limit / size, 1))
    first, windows = np.empty((*starts.shape, size), np.int32), np.zeros((*starts.shape, most, size), np.int32)
    fill_windows(starts, lengths, mirrored, first, windows)
    return first, windows


def _changed(images: Tensor, recipe: np.void, draws: np.ndarray, bells: np.ndarray) -> Tensor:
    """Crops (N, C, H, W) uint8 and all that comes after; the order is that of `kernels.views.fill_views`."""
    numbers = {name: draws[name] for name in ("brightness", "contrast", "saturation")}
    numbers["hue"] = np.trunc(draws["hue"] * 255.0)
    columns = torch.from_numpy(np.stack(list(numbers.values())).astype(np.float32))
    drawn = dict(zip(numbers, send(columns, images.device), strict=True))

    def where(name: str) -> Tensor:
        return send(torch.from_numpy(np.flatnonzero(draws[name])), images.device)

    if recipe["rotation"] > 0:
        turns = torch.from_numpy(np.stack([draws["cos"], draws["sin"]]))
        images = steps.rotate(images, *send(turns, images.device))
    strengths = [float(recipe[name]) for name in ("brightness", "contrast", "saturation", "hue")]
    images = steps.jitter(images, drawn, draws, strengths)
    if images.shape[1] == 3 and len(at := where("grey")):
        images = images.index_copy(0, at, steps.to_grey(images[at]))
    if len(at := where("blur")):
        weights = send(torch.from_numpy(bells), images.device)[at]
        images = images.index_copy(0, at, steps.blur(images[at], weights))
    if len(at := where("solarise")):
        images = images.index_copy(0, at, steps.solarise(images[at]))
    return images
