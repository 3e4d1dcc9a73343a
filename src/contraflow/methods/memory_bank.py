"""Instance discrimination with a memory bank (Wu et al. 2018, "Unsupervised Feature Learning via Non-Parametric
Instance Discrimination")."""

import torch
from torch import Tensor

from contraflow.devices import send
from contraflow.losses.infonce import Stored
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.contrastive import Contrastive
from contraflow.methods.parts.slots import Slots
from contraflow.views.batch import Batch


class MemoryBank(Contrastive):
    """Every view finds the slot of its image among slots of other images.

    Slots are random at first. Those that serve as negatives are drawn for each step, of the images that are trained on:
    slots of held-out images stay random. The paper's noise-contrastive estimate is replaced by the softmax that it
    approximates.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.drawn = settings.method.queue
        trained_on = torch.arange(data.images) if data.training is None else data.training
        self.register_buffer("training_images", trained_on, persistent=False)
        self.slots = Slots(torch.randn(data.images, self.dimension), settings.method.bank_momentum)

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z, companions = self.split(self.embed(features), batch)
        slots = self.slots.vectors
        drawn = self.training_images[send(torch.randint(len(self.training_images), (self.drawn,)), slots.device)]
        anchors, keys = z.flatten(0, 1), slots[batch.index].repeat(len(z), 1)
        shown, mined = batch.shown.expand(z.shape[:2]).flatten(), self.mined(batch, companions)
        loss = self.find(anchors, keys, Stored(slots[drawn], drawn), mined, shown, batch.progress)
        self.slots.refresh(batch.index, z)
        return Output(loss, z)
