"""Triplets of an image's two views and one other image (Schroff et al. 2015, "FaceNet")."""

from contraflow.losses import triplet
from contraflow.losses.comparison import in_batch
from contraflow.methods.parts.base import Method, Output
from contraflow.methods.parts.negatives import NegativePolicy
from contraflow.views.batch import Batch


class Triplet(Method):
    """Each view is to be closer to its image's other view than to one negative of the batch, by a margin."""

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.loss = settings.loss
        self.negatives = NegativePolicy(settings, data.positions)

    def forward(self, batch: Batch) -> Output:
        z = self.embed(batch.views)
        comparison = self.negatives(in_batch(z, batch.index, self.loss.similarity), self.loss.tau)
        return Output(triplet(comparison, self.loss.margin, self.loss.triplet), z)
