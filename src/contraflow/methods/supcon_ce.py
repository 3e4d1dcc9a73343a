"""SupCon and cross-entropy together: for few labels among many images."""

from torch import nn

from contraflow.methods.parts.base import Output
from contraflow.methods.supcon import SupCon
from contraflow.methods.supervised import cross_entropy
from contraflow.views.batch import Batch


class SupConCE(SupCon):
    """SupCon on the projections plus the cross-entropy of a linear classifier on the features of labelled images.

    All images contribute to the contrast, those without a label with their own views as positives.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.classifier = nn.Linear(self.encoder.dimension, data.classes)

    def forward(self, batch: Batch) -> Output:
        features = self.features(batch.views)
        z = self.gathered(self.projection, features)
        classified = cross_entropy(self.gathered(self.classifier, features), batch.labels, self.loss.cross_entropy)
        return Output(self.contrast(z, batch) + classified, z)
