"""NNCLR (Dwibedi et al. 2021, "With a Little Help from My Friends")."""

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.collectives import gather
from contraflow.losses.comparison import EMPTY, exact
from contraflow.losses.infonce import Stored
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.contrastive import Contrastive
from contraflow.methods.parts.queue import Queue
from contraflow.views.batch import Batch


class NNCLR(Contrastive):
    """The nearest neighbour of one view, in a queue of earlier embeddings, finds the other view's prediction.

    Negatives are the predictions of other images: the batch's, and companions. The loss is the mean over both
    directions. Slots are not taken: they would be compared with neighbours from the queue, and neither learns.
    """

    predicts = True

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.queue = Queue(settings.method.queue, self.dimension)

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z = self.each(self.projection, features)
        predicted, companions = self.split(self.gathered(self.predictor, z), batch)
        z, mined = gather(z[: len(predicted)].detach(), dim=1), self.mined(batch, companions)
        shown = batch.shown.expand(z.shape[:2])
        first, second = (
            self.find(
                nearest_keys(view, self.queue.stored), other, Stored(other, of_other), mined, of_view, batch.progress
            )
            for view, of_view, other, of_other in zip(z, shown, predicted.flip(0), shown.flip(0), strict=True)
        )
        self.queue.push(z[0], batch.index)
        return Output((first + second) / 2, z)


def nearest_keys(z: Tensor, stored: Stored) -> Tensor:
    """The stored key most similar by cosine to each row of `z` (N, D); the row itself while nothing is stored."""
    with torch.autocast(z.device.type, enabled=False):
        similarity = F.normalize(exact(z)) @ F.normalize(stored.keys).T
    best, place = similarity.masked_fill(stored.index == EMPTY, float("-inf")).max(1, keepdim=True)
    return torch.where(best.isfinite(), stored.keys[place[:, 0]], exact(z))
