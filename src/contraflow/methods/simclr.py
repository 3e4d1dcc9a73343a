"""SimCLR (Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations")."""

from itertools import product

import torch
from torch import Tensor

from contraflow.losses.ntxent import ntxent
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.contrastive import Contrastive
from contraflow.views.batch import Batch


class SimCLR(Contrastive):
    """NT-Xent over both views, all 2N anchors.

    Where there are small crops (multi-crop, Caron et al. 2020), the mean of that and of NT-Xent between each of them
    and each of the views, all pairs counting alike. Images that others bring along, and slots, are negatives
    of the whole batch.
    """

    def seen(self, batch: Batch) -> Tensor:
        if batch.companion_views is None:
            return batch.views
        return torch.cat([batch.views, batch.companion_views])  # apart, BatchNorm would tell which is which

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z = self.embed(features)
        others = None if batch.slots is None else (batch.slots, batch.slot_index)
        if batch.companion_views is not None:
            z, along = z.split([len(batch.views), len(batch.companion_views)])
            others = along.flatten(0, 1), batch.companions.flatten()
        return Output(self.contrast(z, batch, others), z)

    def contrast(self, z: Tensor, batch: Batch, others: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """The loss of embeddings (2, N, D), with `others` as `ntxent` takes them."""
        tau = self.temperature(*z, batch.progress)
        views = list(zip(z, batch.shown.expand(z.shape[:2]), strict=True))
        pairs = [views]
        if batch.local is not None:
            pairs += product(views, ((crop, batch.index) for crop in self.embed(self.features(batch.local))))
        losses = [
            ntxent(a, b, tau, index=torch.stack([of_a, of_b]), others=others, **self.comparing)
            for (a, of_a), (b, of_b) in pairs
        ]
        return sum(losses) / len(losses)
