"""Decoded images on their way into the encoded files."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Split:
    """Images of one size, (N, H, W, C) uint8 with C 1 or 3, in memory or mapped; and labels (N,) int64, -1 for none.

    `files` names the file of each image, where they have files of their own; `positions` (N,) int64 are those of
    `contraflow.data.listing.Part`.
    """

    pixels: np.ndarray
    labels: np.ndarray
    files: Sequence[str] = ()
    positions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def names(self) -> Sequence[str | int]:
        """What each image is called: its file, else its place."""
        return self.files or range(len(self))

    def first(self, n: int | None) -> "Split":
        """The first `n` images; all of them where `n` is None."""
        return Split(self.pixels[:n], self.labels[:n])

    def resized(self, size: int | None) -> "Split":
        """Square images of `size` pixels a side (Pillow's antialiased bilinear); unchanged where `size` is None."""
        if size is None or self.pixels.shape[1:3] == (size, size):
            return self
        pixels = np.empty((len(self), size, size, self.pixels.shape[3]), np.uint8)
        for source, target in zip(self.pixels, pixels, strict=True):
            # Pillow wants (H, W) for one channel and (H, W, 3) for three.
            image = Image.fromarray(source[..., 0] if source.shape[2] == 1 else source)
            target[:] = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)).reshape(target.shape)
        return Split(pixels, self.labels)


@dataclass(frozen=True)
class ImageSet:
    """A data set as the encoder takes it. `classes` is empty where the images have no labels."""

    train: Split
    test: Split
    classes: Sequence[str]
    skipped: Sequence[str] = field(default_factory=list)
