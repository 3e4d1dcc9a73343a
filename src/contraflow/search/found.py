"""What an image or a text finds among the items of a training."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Found:
    """One image and its nearest, the nearest first.

    Attributes:
        name: Of the image's file.
        image: As the encoder takes it, uint8 (H, W, C).
        nearest: Training images, uint8 (k, H, W, C).
        index: Their places in `train.beton`, int64 (k,).
        label: Their classes, int64 (k,), -1 where unlabelled.
        similarity: Cosine similarity, float32 (k,), falling.
        regions: Of the first of them, what each place of the image and of the other gives to their similarity, float32
            (n, 2, side, side); side is 0 where the encoder has no feature map.
        own: The image's own class, where it is known and images that are searched have it; else -1.
        said: The texts of each of the nearest; empty where there are none.
        texts: The nearest training texts, each with its similarity; empty where the encoder knows none.
    """

    name: str
    image: np.ndarray
    nearest: np.ndarray
    index: np.ndarray
    label: np.ndarray
    similarity: np.ndarray
    regions: np.ndarray
    own: int = -1
    said: list[list[str]] = field(default_factory=list)
    texts: list[tuple[str, float]] = field(default_factory=list)

    @property
    def right(self) -> np.ndarray:
        """Which of the nearest have the image's class, (k,) bool."""
        return self.label == self.own

    def finds(self, k: int) -> bool:
        """Whether one of the `k` nearest is right; the image itself, where it is a training image, is none of them.

        So that it may be left out, `nearest` must have one more, if there are more.
        """
        equal = (self.nearest == self.image).all((1, 2, 3))
        itself = equal & (equal.cumsum() == 1)  # others that equal it are copies
        return bool(self.right[~itself][:k].any())

    def first(self, k: int) -> Self:
        """With the `k` nearest alone."""
        cut = {name: getattr(self, name)[:k] for name in ("nearest", "index", "label", "similarity", "said")}
        return replace(self, **cut)


@dataclass(frozen=True)
class FoundByText:
    """One text and its nearest items, the nearest first.

    Attributes:
        text: What was asked for.
        nearest: Training images, uint8 (k, H, W, C); None where texts are alone.
        index, label, similarity: As of `Found`.
        said: The texts of each of the nearest, or the texts that these are.
    """

    text: str
    nearest: np.ndarray | None
    index: np.ndarray
    label: np.ndarray
    similarity: np.ndarray
    said: list[list[str]]
