"""SimCLR (Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations")."""

from itertools import product

import torch
from torch import Tensor

from contraflow.losses.infonce import Stored
from contraflow.losses.ntxent import ntxent
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.contrastive import Contrastive
from contraflow.views.batch import Batch


class SimCLR(Contrastive):
    """NT-Xent over both views, all 2N anchors.

    Where there are small crops (multi-crop, Caron et al. 2020), the mean of that and of NT-Xent between each of them
    and each of the views, all pairs counting alike.
    """

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z, companions = self.split(self.embed(features), batch)
        return Output(self.contrast(z, batch, self.mined(batch, companions)), z)

    def contrast(self, z: Tensor, batch: Batch, others: Stored | None) -> Tensor:
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
