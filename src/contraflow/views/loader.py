"""Batches of augmented views, and of plain images, from an FFCV file; and the order of an epoch.

The pixels come straight from the mapped file (`contraflow.encoded.beton`), those of a JPEG by way of libturbojpeg
(`contraflow.encoded.jpeg`), into one compiled kernel; docs/loader.md says why FFCV's own `Loader` is left aside, and
what a view depends on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from contraflow.encoded.beton import Beton, open_beton
from contraflow.encoded.kin import Kin
from contraflow.foundations.errors import UserError
from contraflow.foundations.prefetch import prefetch
from contraflow.views.batch import Batch
from contraflow.views.kernels.views import fill_images, fill_views
from contraflow.views.recipe import make_recipes, make_table
from contraflow.views.settings import ViewRecipe

WINDOW = 2**32  # bytes of images that are shuffled among each other
BLOCK = 2**20  # bytes of neighbours that are read together, where there is more than a window


class _Images:
    """What both loaders share: the open file, the samples to use, their size and their normalisation."""

    def __init__(
        self,
        beton: Path,
        *,
        batch_size: int,
        threads: int,
        mean: Sequence[float],
        std: Sequence[float],
        size: int | None = None,
        indices: np.ndarray | None = None,
    ) -> None:
        if batch_size < 1 or threads < 1:
            raise ValueError(f"batch_size and threads must be at least 1, got {batch_size} and {threads}")
        self._file: Beton = open_beton(beton)
        channels = self._file.channels
        if not len(mean) == len(std) == channels:
            raise UserError(f"{beton} has {channels} channels, the normalisation {len(mean)} means and {len(std)} stds")
        sides = self._file.size if size is None else (size, size)
        if sides is None:
            raise ValueError(f"{beton} holds images of several sizes: a size must be given")
        self.image_shape = (channels, *sides)
        self.batch_size = batch_size
        self.threads = threads
        self.indices = self._checked(np.arange(len(self._file)) if indices is None else indices)
        self._table = make_table(mean, std)

    def _checked(self, indices: np.ndarray) -> np.ndarray:
        """The kernels read where they are told to: nothing outside of the file may reach them."""
        indices = np.ascontiguousarray(indices, dtype=np.int64)
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self._file):
            raise ValueError(f"sample indices must lie in 0 to {len(self._file) - 1}")
        return indices

    def _slices(self, order: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]


class ViewLoader(_Images):
    """Augmented views of images, in a new random order each epoch.

    Args:
        beton: file with the fields of `contraflow.encoded.beton.open_beton`.
        views: what each view of an image may look like.
        seed: from 0; drives order and views.
        batch_size: images, not views.
        threads: threads that make views; torch's own are left alone.
        mean, std: per channel, on the scale 0 to 1.
        size: pixels a side of a view; by default those of the stored images, which then are all alike.
        indices: the samples to use; all by default.
        local: as `views`, of the small crops, which are counted on from the views.
        local_size: their pixels a side.
        kin: which images show the same thing: all views of an image but the first are then of one of its kin, drawn
            anew in each epoch (`Kin.partners`); None where all are of the image itself.
        part, parts: makes the views of only this one (from 0) of so many equal parts of each batch.
        half: float16 instead of float32.
        channels_last: the memory of a pixel's channels lies together, as convolutions on a GPU want it.

    Raises:
        UserError: the file is missing, damaged or of another kind, or has other channels than `mean` and `std`, or
            batches don't divide into `parts`.
    """

    def __init__(
        self,
        beton: Path,
        views: Sequence[ViewRecipe],
        *,
        seed: int,
        batch_size: int,
        local: Sequence[ViewRecipe] = (),
        local_size: int = 1,
        kin: Kin | None = None,
        part: int = 0,
        parts: int = 1,
        half: bool = False,
        channels_last: bool = False,
        **images,
    ) -> None:
        super().__init__(beton, batch_size=batch_size, **images)
        if batch_size % parts:
            raise UserError(f"train.batch_size must be a multiple of the GPUs at work, {parts}, got {batch_size}")
        self.seed = seed
        self._kin = kin
        self._part = slice(part * batch_size // parts, (part + 1) * batch_size // parts)
        self._half, self._channels_last = half, channels_last
        if half:  # the kernels copy what the table says of a grey level: here the bits of float16, which Numba lacks
            self._table = self._table.astype(np.float16).view(np.int16)
        self._recipes = make_recipes(views)
        self._local = make_recipes(local)
        self._local_shape = (self.image_shape[0], local_size, local_size)

    def __len__(self) -> int:
        """Full batches an epoch."""
        return len(self.indices) // self.batch_size

    def order(self, epoch: int) -> np.ndarray:
        """The sample indices in the order of an epoch."""
        return epoch_order(self.indices, self._file.bytes[self.indices], self.seed, epoch)

    def epoch(self, epoch: int, *, order: np.ndarray | None = None, drop_last: bool = True) -> Iterator[Batch]:
        """The batches of one epoch.

        Where there are parts, the views are those of one part, the indices those of the whole batch.

        Each batch owns its memory. Up to two more are being made while the consumer holds one.

        Args:
            epoch: from 0; gives other views and, without `order`, another order.
            order: sample indices in the order to use; by default `self.order(epoch)`.
            drop_last: leave out a last batch that is not full.

        Raises:
            UserError: an image is damaged.
        """
        order = self.order(epoch) if order is None else self._checked(order)
        if drop_last:
            if len(order) < self.batch_size:
                raise ValueError(f"{len(order)} images are fewer than a batch of {self.batch_size} takes")
            order = order[: len(order) // self.batch_size * self.batch_size]
        return self._batches(epoch, order)

    def _batches(self, epoch: int, order: np.ndarray) -> Iterator[Batch]:
        partners = self._partners(epoch)
        return prefetch((self._start(epoch, indices, partners) for indices in self._slices(order)), self.threads)

    def _partners(self, epoch: int) -> np.ndarray | None:
        return None if self._kin is None else self._kin.partners(self.indices, seed=self.seed, epoch=epoch)

    def _start(self, epoch: int, indices: np.ndarray, partners: np.ndarray | None) -> tuple:
        """An empty batch, its length and the function that fills a part of it."""
        own = indices[self._part]
        views = self._empty(len(self._recipes), len(own), self.image_shape)
        local = self._empty(len(self._local), len(own), self._local_shape) if len(self._local) else None

        def numbers(tensor: Tensor) -> np.ndarray:
            return (tensor.view(torch.int16) if self._half else tensor).numpy()

        def fill(of: np.ndarray, first: int, last: int, small: bool) -> Callable[[int, int], None]:
            """Fills some of the views, and the small crops, with images `of`."""

            def use(storage: np.ndarray, places: np.ndarray, start: int, stop: int) -> None:
                common = storage, places, of, start, stop, self.seed, epoch
                fill_views(*common, first, self._recipes[first:last], self._table, numbers(views)[first:last])
                if small and local is not None:
                    fill_views(*common, len(self._recipes), self._local, self._table, numbers(local))

            return partial(self._file.use_pixels, of, use)

        if partners is None:
            return Batch(views, torch.from_numpy(indices), local=local), len(own), fill(own, 0, len(views), True)
        theirs = partners[indices]
        image, partner = fill(own, 0, 1, True), fill(theirs[self._part], 1, len(views), False)

        def both(start: int, stop: int) -> None:
            image(start, stop)
            partner(start, stop)

        return Batch(views, torch.from_numpy(indices), partner=torch.from_numpy(theirs), local=local), len(own), both

    def _empty(self, views: int, n: int, shape: tuple[int, int, int]) -> Tensor:
        """Memory for views (V, N, C, H, W) of the kind that is wanted."""
        channels, height, width = shape
        dtype = torch.float16 if self._half else torch.float32
        if self._channels_last:
            return torch.empty(views, n, height, width, channels, dtype=dtype).permute(0, 1, 4, 2, 3)
        return torch.empty(views, n, *shape, dtype=dtype)


class CompanionLoader:
    """Gives the batches of a loader, and with every image the first view, in that epoch, of each of its companions.

    Args:
        images: The loader of the batches.
        others: A loader of one view of the same images, for batches that are m times as large.
        companions: By sample index the m companions of each image, (images, m) int64.
    """

    def __init__(self, images: ViewLoader, others: ViewLoader, companions: np.ndarray):
        self._images, self._others, self._companions = images, others, companions

    def __len__(self) -> int:
        """Full batches an epoch."""
        return len(self._images)

    def epoch(self, epoch: int, *, order: np.ndarray | None = None) -> Iterator[Batch]:
        """The full batches of one epoch, as `ViewLoader.epoch` gives them."""
        order = self._images.order(epoch) if order is None else order
        companions = self._companions[order]
        m = companions.shape[1]
        batches = self._images.epoch(epoch, order=order), self._others.epoch(epoch, order=companions.ravel())
        for batch, others in zip(*batches, strict=True):
            views = others.views[0].unflatten(0, (-1, m)).transpose(0, 1)
            yield replace(batch, companions=others.index.view(-1, m).T, companion_views=views)


class ImageLoader(_Images):
    """Images without augmentation, normalised, in the order of `indices`, with their labels.

    Of an image of another size than is wanted the shorter side is resized and the middle square taken, as
    `contraflow.images.decoding` does. Arguments and errors as for `ViewLoader`.
    """

    def __len__(self) -> int:
        """Batches, the last of which may not be full."""
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of images (B, C, H, W) float32 and labels (B,) int64, -1 where there is none."""
        return prefetch(map(self._start, self._slices(self.indices)), self.threads)

    def _start(self, indices: np.ndarray) -> tuple:
        images = torch.empty(len(indices), *self.image_shape)
        labels = torch.from_numpy(self._file.labels[indices])

        def use(storage: np.ndarray, places: np.ndarray, start: int, stop: int) -> None:
            fill_images(storage, places, start, stop, self._table, images.numpy())

        return (images, labels), len(indices), partial(self._file.use_pixels, indices, use)


def epoch_order(
    indices: np.ndarray, sizes: np.ndarray, seed: int, epoch: int, *, window: int = WINDOW, block: int = BLOCK
) -> np.ndarray:
    """`indices` in the random order of one epoch: a function of the seed, the epoch and the file alone.

    What fits into a window is permuted. Of more, neighbours in the file form blocks, the blocks are permuted, and the
    images of as many blocks as fill a window among each other: a disk reads blocks, and memory need hold one window.

    Args:
        indices: Sample indices (N,), in the order of the file.
        sizes: Bytes that each takes there, (N,).
    """
    draw = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
    if sizes.sum() <= window:
        return draw.permutation(indices)
    blocks = _cut(np.arange(len(indices)), sizes, block)
    places = np.concatenate([blocks[i] for i in draw.permutation(len(blocks))])
    return indices[np.concatenate([draw.permutation(part) for part in _cut(places, sizes[places], window)])]


def _cut(places: np.ndarray, sizes: np.ndarray, most: int) -> list[np.ndarray]:
    """Parts of `places`, each beginning within another `most` bytes."""
    number = (np.cumsum(sizes) - sizes) // most
    return np.split(places, np.flatnonzero(np.diff(number)) + 1)
