"""MoCo v2 (He et al. 2020, "Momentum Contrast"; Chen et al. 2020, "Improved Baselines with Momentum Contrastive
Learning")."""

import torch

from contraflow.losses import info_nce
from contraflow.methods.parts.base import Method, Output
from contraflow.methods.parts.momentum import MomentumCopy
from contraflow.methods.parts.negatives import NegativePolicy
from contraflow.methods.parts.queue import Queue
from contraflow.methods.parts.schedule import cosine
from contraflow.methods.parts.temperature import Temperature
from contraflow.views.batch import Batch


class MoCo(Method):
    """The first view finds the second, as a momentum encoder sees it, among keys of earlier steps.

    Keys enter the queue after the loss, and a key of the anchor's own image from an earlier epoch is no negative. Over
    the images of one GPU BatchNorm would tell which images came together and with that which key is the positive
    (section 3.3); where the paper shuffles keys among GPUs, here `contraflow.params` asks for another `model.norm`.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.similarity, self.schedule = settings.loss.similarity, settings.method.momentum
        self.temperature = Temperature(settings.loss)
        self.negatives = NegativePolicy(settings, data.positions)
        self.momentum = MomentumCopy(self)
        self.queue = Queue(settings.method.queue, settings.model.projection_dim)

    def forward(self, batch: Batch) -> Output:
        self.momentum.follow(self, cosine(*self.schedule, batch.progress))
        query, key = self.embed(batch.views[:1])[0], self.momentum.embed(batch.views[1:2])[0]
        loss = info_nce(
            query,
            key,
            self.queue.stored,
            self.temperature(query, key, batch.progress),
            index=batch.index,
            similarity=self.similarity,
            negatives=self.negatives,
        )
        self.queue.push(key, batch.index)
        return Output(loss, torch.stack([query, key]))
