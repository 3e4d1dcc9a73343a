"""NNCLR (Dwibedi et al. 2021, "With a Little Help from My Friends")."""

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.collectives import gather
from contraflow.losses import Stored, info_nce
from contraflow.losses.comparison import EMPTY
from contraflow.methods.parts.base import Method, Output
from contraflow.methods.parts.negatives import NegativePolicy
from contraflow.methods.parts.queue import Queue
from contraflow.methods.parts.temperature import Temperature
from contraflow.models.heads import predictor
from contraflow.models.norms import set_norm
from contraflow.views.batch import Batch


class NNCLR(Method):
    """The nearest neighbour of one view, in a queue of earlier embeddings, finds the other view's prediction.

    Negatives are the predictions of the batch's other images. The loss is the mean over both directions.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        model = settings.model
        self.predictor = set_norm(predictor(model.projection_dim, model.predictor_hidden), model.norm)
        self.similarity = settings.loss.similarity
        self.temperature = Temperature(settings.loss)
        self.negatives = NegativePolicy(settings, data.positions)
        self.queue = Queue(settings.method.queue, model.projection_dim)

    def forward(self, batch: Batch) -> Output:
        z = self.project(batch.views)
        predicted = self.gathered(self.predictor, z)
        z = gather(z.detach(), dim=1)
        near = [nearest(view, self.queue.stored) for view in z]
        loss = (self._find(near[0], predicted[1], batch) + self._find(near[1], predicted[0], batch)) / 2
        self.queue.push(z[0], batch.index)
        return Output(loss, z)

    def _find(self, near: Tensor, predicted: Tensor, batch: Batch) -> Tensor:
        return info_nce(
            near,
            predicted,
            Stored(predicted, batch.index),
            self.temperature(near, predicted, batch.progress),
            index=batch.index,
            similarity=self.similarity,
            negatives=self.negatives,
        )


def nearest(z: Tensor, stored: Stored) -> Tensor:
    """The stored key most similar by cosine to each row of `z` (N, D); the row itself while nothing is stored."""
    with torch.autocast(z.device.type, enabled=False):
        similarity = F.normalize(z.float()) @ F.normalize(stored.keys).T
    best, place = similarity.masked_fill(stored.index == EMPTY, float("-inf")).max(1, keepdim=True)
    return torch.where(best.isfinite(), stored.keys[place[:, 0]], z.float())
