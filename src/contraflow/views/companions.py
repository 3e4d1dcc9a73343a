"""Batches whose images bring others along: their mined negatives, say."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from contraflow.views.batch import Batch
from contraflow.views.loader import ViewLoader


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
            yield replace(batch, companions=views, companion_index=others.index.view(-1, m).T)
