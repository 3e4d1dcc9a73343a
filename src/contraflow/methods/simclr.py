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
    and each of the views, all pairs counting alike. Images that others bring along, and stored vectors, are negatives
    of the whole batch.
    """

    def forward(self, batch: Batch) -> Output:
        if batch.companions is None:
            z = self.embed(batch.views)
            others = None if batch.stored is None else (batch.stored, batch.stored_index)
        else:  # together, or BatchNorm would tell views from companions
            both = self.embed(torch.cat([batch.views, batch.companions]))
            z, along = both.split([len(batch.views), len(batch.companions)])
            others = along.flatten(0, 1), batch.companion_index.flatten()
        return Output(self.contrast(z, batch, others), z)

    def contrast(self, z: Tensor, batch: Batch, others: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """The loss of embeddings (2, N, D), with `others` as `ntxent` takes them."""
        tau, labels = self.temperature(*z, batch.progress), batch.labels if self.needs_labels else None
        pairs = [tuple(z)]
        if batch.local is not None:
            pairs += product(z, self.embed(batch.local))
        told = {"index": batch.index, "similarity": self.similarity, "others": others, "labels": labels}
        losses = [ntxent(*pair, tau, negatives=self.negatives, **told) for pair in pairs]
        return sum(losses) / len(losses)
