"""One step's input."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from contraflow.devices import send


@dataclass(frozen=True)
class Batch:
    """A batch of N images, of which each process of a training has the views of n; n is N where there is one.

    Attributes:
        views: Normalised, shape (V, n, C, H, W), float32 or float16; V at least 2 in a training.
        index: Sample indices of all images of the batch, (N,) int64.
        labels: Of the image in each view, in the shape of `shown`, int64, -1 where a method is to see none; None before
            the training says.
        progress: Share of the training that is done, 0 to below 1, for schedules.
        partner: Sample indices of the images that all views but the first show, (N,) int64; None where those are the
            same.
        local: Small crops of the images, (L, n, C, h, w); None where there are none. Only simclr, swav and
            dino get any.
        companions: Sample indices of m other images that each image brings along as further negatives, (m, N) int64;
            None where it brings none. Only methods with negatives get any.
        companion_views: A view of each, (m, n, C, H, W).
        slots: Vectors that are further negatives, (M, D); None where there are none. Only methods with
            negatives get any, but nnclr.
        slot_index: Sample indices of the images of these, (M,) int64.
        texts: Tokens of a text of each image, (N, T) int64, filled up with 0. Only clip and siglip get any.
        companion_texts: The same of each companion, (m, N, T); None where there are none.
        taught: The features that a teacher makes of the views, (V, n, T). Only distil gets any.
    """

    views: Tensor
    index: Tensor
    labels: Tensor | None = None
    progress: float = 0.0
    partner: Tensor | None = None
    local: Tensor | None = None
    companions: Tensor | None = None
    companion_views: Tensor | None = None
    slots: Tensor | None = None
    slot_index: Tensor | None = None
    texts: Tensor | None = None
    companion_texts: Tensor | None = None
    taught: Tensor | None = None

    @property
    def shown(self) -> Tensor:
        """Sample indices of the images in each view: (V, N), or (N,) where all views of an image show the same."""
        if self.partner is None:
            return self.index
        return torch.stack([self.index, *[self.partner] * (len(self.views) - 1)])

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **{name: send(tensor, device) for name, tensor in tensors.items()})
