"""Images on their way into the encoded files."""

import hashlib
import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

import numpy as np
from PIL import Image

from contraflow.encoded.pixels import square
from contraflow.images.facts import DIGEST, Facts, facts_of
from contraflow.images.kept_jpeg import Jpeg


class Spool:
    """A sequence of pictures in a nameless file: pixels of one `shape` (H, W, C), uint8, or `Jpeg`.

    They lie on disk on their way from the user's files into an FFCV file: memory does not grow with their pixels.

    Args:
        folder: Where the file lies, until the spool or the process is gone.
        shape: Of the pixels.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int]):
        self.shape = shape
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115, lives as long as the spool
        self._ends = array("Q", [0])
        self._sizes = array("H")  # height and width of a JPEG, 0 and 0 of pixels

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, picture: np.ndarray | Jpeg) -> None:
        if isinstance(picture, Jpeg):
            content, size = picture.content, (picture.height, picture.width)
        else:
            content, size = picture.tobytes(), (0, 0)
        self._file.write(content)
        self._ends.append(self._ends[-1] + len(content))
        self._sizes.extend(size)

    def close(self) -> None:
        """No more are added: what was is on disk, and can be read."""
        self._file.flush()

    def __getitem__(self, index: int) -> np.ndarray | Jpeg:
        if not 0 <= index < len(self):
            raise IndexError(index)
        start, end = self._ends[index], self._ends[index + 1]
        content = os.pread(self._file.fileno(), end - start, start)
        height, width = self._sizes[2 * index : 2 * index + 2]
        return Jpeg(content, height, width) if height else np.frombuffer(content, np.uint8).reshape(self.shape)

    @property
    def largest(self) -> int:
        """Bytes of the largest picture, at least those of pixels."""
        return max(int(np.prod(self.shape)), int(np.diff(np.frombuffer(self._ends, np.uint64)).max(initial=0)))


@dataclass(frozen=True)
class Split:
    """Images and labels.

    Attributes:
        images: (N, H, W, C) uint8 with C 1 or 3, or a spool of N pictures.
        labels: (N,) int64, -1 for none.
        files: The file of each image, where they have files of their own.
        positions: Those of `contraflow.images.listing.Part`.
        held_out, roles, texts: Those of `contraflow.images.listing.Part`.
        read_facts: What was learned while they were read; None where it is still to be learned.
    """

    images: np.ndarray | Spool
    labels: np.ndarray
    files: Sequence[str] = ()
    positions: np.ndarray | None = None
    held_out: np.ndarray | None = None
    roles: np.ndarray | None = None
    read_facts: Facts | None = None
    texts: Sequence[Sequence[str]] = ()

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

    @property
    def items(self) -> str:
        """What it has: images, or texts alone."""
        return "images" if self.shape[2] else "texts"

    def facts(self) -> Facts:
        """Digests and counts of the pixels, counts with as many channels as the images have."""
        facts = self.read_facts or facts_of(self.images)
        return replace(facts, counts=facts.counts[: self.shape[2]])

    def first(self, n: int | None) -> Self:
        """The first `n` images of an array; all of them where `n` is None."""
        positions = None if self.positions is None else self.positions[:n]
        kept = {"images": self.images[:n], "labels": self.labels[:n], "texts": self.texts[:n]}
        return replace(self, positions=positions, **kept)

    def resized(self, size: int | None) -> "Split":
        """Square images of `size` pixels a side (Pillow's antialiased bilinear); unchanged where `size` is None."""
        if size is None or self.images.shape[1:3] == (size, size):
            return self
        pixels = np.empty((len(self), size, size, self.images.shape[3]), np.uint8)
        for source, target in zip(self.images, pixels, strict=True):
            # Pillow wants (H, W) for one channel and (H, W, 3) for three.
            image = Image.fromarray(source[..., 0] if source.shape[2] == 1 else source)
            target[:] = square(image, size).reshape(target.shape)
        return replace(self, images=pixels)


class TextsAlone(Split):
    """One text each, and no images: these have no pixels (N, 0, 0, 0)."""

    @classmethod
    def of(cls, texts: Sequence[str], labels: np.ndarray, positions: np.ndarray | None = None, **more) -> Self:
        nothing = np.empty((len(texts), 0, 0, 0), np.uint8)
        return cls(nothing, labels, positions=positions, texts=[[text] for text in texts], **more)

    def facts(self) -> Facts:
        """Digests of the texts."""
        digests = [hashlib.sha256(text.encode()).digest() for (text,) in self.texts]
        return Facts(np.array(digests, DIGEST), np.zeros((0, 256), np.int64))


@dataclass(frozen=True)
class ImageSet:
    """A data set as the encoder takes it. `classes` is empty where the images have no labels.

    The others are those of `contraflow.encoded.card.Card`.
    """

    train: Split
    test: Split
    classes: Sequence[str]
    splits: dict[str, str] = field(default_factory=dict)
    skipped: Sequence[str] = field(default_factory=list)
    not_taken: dict[str, int] = field(default_factory=dict)
