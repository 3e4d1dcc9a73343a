"""Images on their way into the encoded files."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from contraflow.images.facts import Facts, facts_of
from contraflow.images.spool import Spool


@dataclass(frozen=True)
class Split:
    """Images and labels.

    Attributes:
        images: (N, H, W, C) uint8 with C 1 or 3, or a spool of N pictures.
        labels: (N,) int64, -1 for none.
        files: The file of each image, where they have files of their own.
        positions: Those of `contraflow.images.listing.Part`.
        read_facts: What was learned while they were read; None where it is still to be learned.
    """

    images: np.ndarray | Spool
    labels: np.ndarray
    files: Sequence[str] = ()
    positions: np.ndarray | None = None
    read_facts: Facts | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def names(self) -> Sequence[str | int]:
        """What each image is called: its file, else its place."""
        return self.files or range(len(self))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images, as far as they are not JPEG."""
        return self.images.shape[-3:]

    @property
    def largest(self) -> int:
        """Bytes of the largest image as it is stored."""
        return self.images.largest if isinstance(self.images, Spool) else int(np.prod(self.shape))

    def facts(self) -> Facts:
        """Digests and counts of the pixels, counts with as many channels as the images have."""
        facts = self.read_facts or facts_of(self.images)
        return replace(facts, counts=facts.counts[: self.shape[2]])

    def first(self, n: int | None) -> "Split":
        """The first `n` images of an array; all of them where `n` is None."""
        return Split(self.images[:n], self.labels[:n])

    def resized(self, size: int | None) -> "Split":
        """Square images of `size` pixels a side (Pillow's antialiased bilinear); unchanged where `size` is None."""
        if size is None or self.images.shape[1:3] == (size, size):
            return self
        pixels = np.empty((len(self), size, size, self.images.shape[3]), np.uint8)
        for source, target in zip(self.images, pixels, strict=True):
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
