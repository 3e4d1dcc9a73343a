"""Supervised training: the ceiling that representations learned without labels are measured against."""

import torch.nn.functional as F
from torch import Tensor, nn

from contraflow.collectives import gather
from contraflow.encoded.splits import UNLABELLED
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

    def forward(self, batch: Batch) -> Output:
        features = self.features(batch.views)
        loss = cross_entropy(self.gathered(self.projection, features), batch.labels)
        return Output(loss, gather(features, dim=1))


def cross_entropy(logits: Tensor, labels: Tensor, weight: float = 1) -> Tensor:
    """`weight` times the mean over views of labelled images: logits (V, N, classes), labels as a batch has them."""
    labels = labels.expand(logits.shape[:2]).flatten()
    # a sum over none is 0, where a mean would be no number
    loss = F.cross_entropy(logits.flatten(0, 1), labels, ignore_index=UNLABELLED, reduction="sum")
    return weight * loss / (labels != UNLABELLED).sum().clamp(min=1)
