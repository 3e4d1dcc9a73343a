"""Which images show the same thing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from contraflow.encoded.card import EncodedData
from contraflow.encoded.splits import UNLABELLED, draw_labelled
from contraflow.foundations.errors import UserError

GROUP = 2**32  # from the first position of a group to that of the next: more than any window


@dataclass(frozen=True)
class Kin:
    """Images whose places differ by at most `window` are kin: one may be the other's positive, and is no negative.

    Attributes:
        places: Of each image by sample index, (images,) int64.
        window: 0 where kin is who has the same place, to below `GROUP`.
    """

    places: np.ndarray
    window: int = 0

    def are(self, image: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Which of the others (A, C) are kin of their image (A,), as which itself counts: bool (A, C)."""
        return np.abs(self.places[other] - self.places[image][:, None]) <= self.window

    def count(self) -> np.ndarray:
        """How many kin each image has, itself included: (images,), in no order."""
        ordered = np.sort(self.places)
        first = np.searchsorted(ordered, ordered - self.window, "left")
        return np.searchsorted(ordered, ordered + self.window, "right") - first

    def among(self, indices: np.ndarray) -> Self:
        """Of these images (N,) alone, by their places in `indices`."""
        return replace(self, places=self.places[indices])

    @classmethod
    def by_label(cls, labels: np.ndarray) -> Self:
        """Kin is who has the same label (images,) int64; who has none, -1, is alone."""
        return cls(np.where(labels == UNLABELLED, -1 - np.arange(len(labels)), labels))

    def partners(self, indices: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
        """For each image one of its kin, all as likely: a function of the seed, the epoch and its own sample index.

        Args:
            indices: Sample indices (N,) of the images that may be taken, and for which partners are wanted.

        Returns:
            By sample index, (images,) int64: one of `indices`; an image that has no kin among them has itself.
        """
        order = indices[np.argsort(self.places[indices], kind="stable")]
        places, own = self.places[order], np.arange(len(order))
        first = np.searchsorted(places, places - self.window, "left")
        others = np.searchsorted(places, places + self.window, "right") - first - 1
        draw = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64), counter=[0, 0, 0, 1]))
        chosen = first + (draw.random(len(self.places))[order] * others).astype(np.int64)
        chosen[others == 0] = own[others == 0]
        chosen += (others > 0) & (chosen >= own)
        found = np.arange(len(self.places))
        found[order] = order[chosen]
        return found


def groups_of(positions: np.ndarray | None, images: int) -> np.ndarray:
    """Number of the group of each image, (images,) int64, from its place in order; all are of one without order."""
    return np.zeros(images, np.int64) if positions is None else positions // GROUP


def require_told(source: str, positions: np.ndarray | None, *, labelled: bool, where: str) -> None:
    """Refuse what `positives.from` names where nothing tells it of the training images.

    Args:
        source: `image`, `label`, `group` or `order`.
        positions: Place of each image in order, (images,); None where no column gives one.
        labelled: Whether there are classes.
        where: The data, in words.

    Raises:
        UserError: there are no labels, no two groups, or no order.
    """
    if source == "label" and not labelled:
        raise UserError(f"positives.from must not be label where there are no labels, as in {where}")
    if source == "order" and positions is None:
        raise UserError(f"positives.from order needs a column order or group in data.table, and {where} has none")
    if source == "group" and (positions is None or positions.max() < GROUP):
        raise UserError("positives.from group needs a column group in data.table, with two groups or more")


def kin_of(data: EncodedData, source: str, *, window: int, labelled_fraction: float, split_seed: int) -> Kin | None:
    """The kin that `positives.from` names, of the images of a data set; None where each is alone.

    Args:
        source: `image`, `label`, `group` or `order`.
        window: For `order`: places in order within which images of a group are kin.
        labelled_fraction, split_seed: Which labels are known.

    Raises:
        UserError: the data does not tell it (see `require_told`).
    """
    positions = data.positions
    require_told(source, positions, labelled=data.card.labelled, where=data.card.name)
    if source == "image":
        return None
    if source == "label":
        known = draw_labelled(data.labels("train"), data.training, fraction=labelled_fraction, seed=split_seed)
        return Kin.by_label(known)
    if source == "group":
        return Kin(positions // GROUP)
    return Kin(positions, window)


def copies_of(data: EncodedData) -> list[Kin]:
    """The kin of each image that are equal to it, pixel by pixel; none where no image is."""
    return [Kin(data.copies)] if data.card.duplicates.images else []


def any_are(kin: Sequence[Kin], image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which of the others (A, C) are kin of their image (A,) by any of several: bool (A, C)."""
    return np.logical_or.reduce([each.are(image, other) for each in kin])
