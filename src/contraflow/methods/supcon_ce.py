"""SupCon and cross-entropy together: for few labels among many images."""

import torch.nn.functional as F
from torch import nn

from contraflow.collectives import gather
from contraflow.losses.supcon import UNLABELLED
from contraflow.methods.parts.base import Output
from contraflow.methods.supcon import SupCon
from contraflow.views.batch import Batch


class SupConCE(SupCon):
    """SupCon on the projections plus the cross-entropy of a linear classifier on the features of labelled images.

    All images contribute to the contrast, those without a label with their own views as positives.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.classifier = nn.Linear(self.encoder.dimension, data.classes)
        self.weight = settings.loss.cross_entropy

    def forward(self, batch: Batch) -> Output:
        features, shape = self.features(batch.views), batch.views.shape[:2]
        z = gather(self.projection(features).unflatten(0, shape), dim=1)
        logits = gather(self.classifier(features).unflatten(0, shape), dim=1).flatten(0, 1)
        labels = batch.labels.repeat(len(batch.views))
        # a sum over none is 0, where a mean would be no number
        classified = F.cross_entropy(logits, labels, ignore_index=UNLABELLED, reduction="sum")
        known = (labels != UNLABELLED).sum().clamp(min=1)
        return Output(self.contrast(z, batch) + self.weight * classified / known, z)
