"""MoCo v2 (He et al. 2020, "Momentum Contrast"; Chen et al. 2020, "Improved Baselines with Momentum Contrastive
Learning")."""

import torch
from torch import Tensor

from contraflow.collectives import gather, rank, world_size
from contraflow.devices import send
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.contrastive import Contrastive
from contraflow.methods.parts.momentum import MomentumCopy
from contraflow.methods.parts.queue import Queue
from contraflow.models.heads import plain_head
from contraflow.models.norms import dealt, split_norm
from contraflow.views.batch import Batch


class MoCo(Contrastive):
    """The first view finds the second, as a momentum encoder sees it, among keys of earlier steps.

    Keys enter the queue after the loss, and a key of the anchor's own image from an earlier epoch is no negative.
    Companions are keys, too, which the queue does not take in.

    BatchNorm would tell by its statistics which images came together, and with that which key is the positive (section
    3.3). So it takes them of groups of a batch, on one GPU as on many, and keys go through it in other groups than
    queries: dealt out, since the paper's random order leaves some together. The projection head has no BatchNorm.
    """

    head = staticmethod(plain_head)

    def __init__(self, settings, data):
        super().__init__(settings, data)
        split_norm(self.encoder)
        self.momentum = MomentumCopy(self, settings.method.momentum)
        self.queue = Queue(settings.method.queue, self.dimension)

    def seen(self, batch: Batch) -> Tensor:
        return batch.views[:1]

    def learn(self, features: Tensor, batch: Batch) -> Output:
        self.momentum.follow(self, batch.progress)
        query, key = self.embed(features)[0], self.keys(batch.views[1:2])[0]
        companions = None
        if batch.companion_views is not None:  # one after the other, so that each is in a group as the key is
            companions = torch.cat([self.keys(view[None]) for view in batch.companion_views])
        loss = self.find(query, key, self.queue.stored, self.mined(batch, companions), batch.index, batch.progress)
        self.queue.push(key, batch.shown.expand(2, -1)[1])
        return Output(loss, torch.stack([query, key]))

    def keys(self, views: Tensor) -> Tensor:
        """The momentum encoder's projections of all processes' views, in other groups: (1, n, C, H, W) to (1, N, D)."""
        views = gather(views, dim=1)
        order = send(dealt(views.shape[1]), views.device)
        own = views[:, order.chunk(world_size())[rank()]]
        return self.momentum.embed(own, self.micro_batch)[:, order.argsort()]
