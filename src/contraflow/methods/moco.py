"""MoCo v2 (He et al. 2020, "Momentum Contrast"; Chen et al. 2020, "Improved Baselines with Momentum Contrastive
Learning")."""

import torch

from contraflow.methods.parts.base import Output
from contraflow.methods.parts.contrastive import Contrastive
from contraflow.methods.parts.momentum import MomentumCopy
from contraflow.methods.parts.queue import Queue
from contraflow.methods.parts.schedule import cosine
from contraflow.views.batch import Batch


class MoCo(Contrastive):
    """The first view finds the second, as a momentum encoder sees it, among keys of earlier steps.

    Keys enter the queue after the loss, and a key of the anchor's own image from an earlier epoch is no negative. Over
    the images of one GPU BatchNorm would tell which images came together and with that which key is the positive
    (section 3.3); where the paper shuffles keys among GPUs, here `contraflow.params` asks for another `model.norm`.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.schedule = settings.method.momentum
        self.momentum = MomentumCopy(self)
        self.queue = Queue(settings.method.queue, settings.model.projection_dim)

    def forward(self, batch: Batch) -> Output:
        self.momentum.follow(self, cosine(*self.schedule, batch.progress))
        query, key = self.embed(batch.views[:1])[0], self.momentum.embed(batch.views[1:2])[0]
        loss = self.find(query, key, self.queue.stored, batch.index, batch.progress)
        self.queue.push(key, batch.index)
        return Output(loss, torch.stack([query, key]))
