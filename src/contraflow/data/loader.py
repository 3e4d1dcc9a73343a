"""Batches of augmented views, and of plain images, from an FFCV file.

The pixels come straight from the mapped file (`contraflow.data.beton`) into one compiled kernel a sample. FFCV's own
`Loader` is left aside: it compiles its pipeline anew in every process (20 to 50 seconds), hangs when its thread fails,
leaks that thread when a loop is left early, recycles the memory of batches, and tells no operation the seed and epoch.
A pool of threads over slices of a batch (`contraflow.data.prefetch`) has none of that and needs a tenth of the code.

Views are a function of (seed, epoch, sample index, view) alone: the same bytes for any number of threads, batch size,
subset and order, in any process.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from contraflow.config import Augment
from contraflow.data.beton import Beton, open_beton
from contraflow.data.kernels.views import fill_images, fill_views
from contraflow.data.prefetch import prefetch
from contraflow.data.recipe import epoch_order, make_recipe, make_table
from contraflow.errors import UserError


class _Images:
    """What both loaders share: the open file, the samples to use, and their normalisation."""

    def __init__(
        self,
        beton: Path,
        batch_size: int,
        threads: int,
        mean: Sequence[float],
        std: Sequence[float],
        indices: np.ndarray | None,
    ) -> None:
        if batch_size < 1 or threads < 1:
            raise ValueError(f"batch_size and threads must be at least 1, got {batch_size} and {threads}")
        self._file: Beton = open_beton(beton)
        height, width, channels = self._file.shape
        if not len(mean) == len(std) == channels:
            raise UserError(f"{beton} has {channels} channels, the normalisation {len(mean)} means and {len(std)} stds")
        self.image_shape = (channels, height, width)
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
        beton: file with the fields of `contraflow.data.beton.open_beton`.
        augment: what makes views differ.
        seed: from 0; drives order and views.
        batch_size: images, not views.
        threads: threads that make views; torch's own are left alone.
        mean, std: per channel, on the scale 0 to 1.
        indices: the samples to use; all by default.
        views: views of each image.

    Raises:
        UserError: the file is missing, damaged or of another kind, or has other channels than `mean` and `std`.
    """

    def __init__(
        self,
        beton: Path,
        augment: Augment,
        *,
        seed: int,
        batch_size: int,
        threads: int,
        mean: Sequence[float],
        std: Sequence[float],
        indices: np.ndarray | None = None,
        views: int = 2,
    ) -> None:
        super().__init__(beton, batch_size, threads, mean, std, indices)
        self.seed = seed
        self.views = views
        self._recipe = make_recipe(augment)

    def __len__(self) -> int:
        """Full batches an epoch."""
        return len(self.indices) // self.batch_size

    def epoch(
        self, epoch: int, *, order: np.ndarray | None = None, drop_last: bool = True
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch: views (V, B, C, H, W) float32, normalised, and sample indices (B,) int64.

        Each batch owns its memory. Up to two more are being made while the consumer holds one.

        Args:
            epoch: from 0; gives other views and, without `order`, another order.
            order: sample indices in the order to use; by default a permutation of `indices`.
            drop_last: leave out a last batch that is not full.

        Raises:
            UserError: there are fewer images than one full batch takes.
        """
        order = epoch_order(self.indices, self.seed, epoch) if order is None else self._checked(order)
        if drop_last:
            if len(order) < self.batch_size:
                raise UserError(
                    f"train.batch_size must be at most the number of training images, {len(order)}, "
                    f"got {self.batch_size}"
                )
            order = order[: len(order) // self.batch_size * self.batch_size]
        return prefetch((self._start(epoch, indices) for indices in self._slices(order)), self.threads)

    def _start(self, epoch: int, indices: np.ndarray) -> tuple:
        """An empty batch, its length and the function that fills a part of it."""
        views = torch.empty(self.views, len(indices), *self.image_shape)

        def fill(start: int, stop: int) -> None:
            fill_views(
                self._file.storage,
                self._file.pointers,
                indices,
                start,
                stop,
                self.seed,
                epoch,
                self._recipe,
                self._table,
                views.numpy(),
            )

        return (views, torch.from_numpy(indices)), len(indices), fill


class ImageLoader(_Images):
    """Images as they are stored, normalised, in the order of `indices`, with their labels.

    Arguments and errors as for `ViewLoader`.
    """

    def __init__(
        self,
        beton: Path,
        *,
        batch_size: int,
        threads: int,
        mean: Sequence[float],
        std: Sequence[float],
        indices: np.ndarray | None = None,
    ) -> None:
        super().__init__(beton, batch_size, threads, mean, std, indices)

    def __len__(self) -> int:
        """Batches, the last of which may not be full."""
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of images (B, C, H, W) float32 and labels (B,) int64, -1 where there is none."""
        return prefetch(map(self._start, self._slices(self.indices)), self.threads)

    def _start(self, indices: np.ndarray) -> tuple:
        images = torch.empty(len(indices), *self.image_shape)
        labels = torch.from_numpy(self._file.labels[indices])
        fill = partial(self._fill, indices, images.numpy())
        return (images, labels), len(indices), fill

    def _fill(self, indices: np.ndarray, out: np.ndarray, start: int, stop: int) -> None:
        fill_images(self._file.storage, self._file.pointers, indices, start, stop, self._table, out)
