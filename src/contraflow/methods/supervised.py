"""Supervised training: the ceiling that representations learned without labels are measured against."""

from torch import Tensor, nn

from contraflow.collectives import gather
from contraflow.losses.cross_entropy import cross_entropy
from contraflow.methods.parts.base import Method, Output
from contraflow.views.batch import Batch


class Supervised(Method):
    """The cross-entropy of a linear classifier on the features of labelled images, in the place of a projection head.

    The images, the views and the steps are those of the other methods, and nothing contrasts.
    """

    needs_labels = True

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.projection = nn.Linear(self.encoder.dimension, data.classes)

    def learn(self, features: Tensor, batch: Batch) -> Output:
        loss = cross_entropy(self.gathered(self.projection, features), batch.labels)
        return Output(loss, gather(features, dim=1))
