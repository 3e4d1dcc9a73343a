"""Instance discrimination with a memory bank (Wu et al. 2018, "Unsupervised Feature Learning via Non-Parametric
Instance Discrimination")."""

import torch
import torch.nn.functional as F

from contraflow.losses import Stored, info_nce
from contraflow.methods.parts.base import Batch, Method, Output
from contraflow.methods.parts.negatives import Negatives
from contraflow.methods.parts.temperature import Temperature


class MemoryBank(Method):
    """Every view finds the slot of its image among slots of other images.

    A slot is a unit vector, random at first, that moves towards the image's embeddings each time the image is seen.
    Slots that serve as negatives are drawn for each step. The paper's noise-contrastive estimate is replaced by the
    softmax that it approximates.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.similarity = settings.loss.similarity
        self.drawn, self.keep = settings.method.queue, settings.method.bank_momentum
        self.temperature = Temperature(settings.loss)
        self.negatives = Negatives(settings, data.positions)
        self.register_buffer("slots", F.normalize(torch.randn(data.images, settings.model.projection_dim)))

    def forward(self, batch: Batch) -> Output:
        z = self.embed(batch.views)
        slots = self.slots[batch.index]
        drawn = torch.randint(len(self.slots), (self.drawn,)).to(slots.device)
        anchors, keys = z.flatten(0, 1), slots.repeat(len(z), 1)
        loss = info_nce(
            anchors,
            keys,
            Stored(self.slots[drawn], drawn),
            self.temperature(anchors, keys, batch.progress),
            index=batch.index.repeat(len(z)),
            similarity=self.similarity,
            negatives=self.negatives,
        )
        seen = F.normalize(F.normalize(z.detach().float(), dim=2).mean(0))
        self.slots[batch.index] = F.normalize(self.keep * slots + (1 - self.keep) * seen)
        return Output(loss, z)
