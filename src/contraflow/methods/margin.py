"""Pairs under the contrastive loss with a margin (Hadsell, Chopra, LeCun 2006, "Dimensionality Reduction by Learning
an Invariant Mapping")."""

from torch import Tensor

from contraflow.losses.comparison import Comparison, in_batch
from contraflow.losses.margins import margin_pairs
from contraflow.methods.parts.base import Method, Output
from contraflow.methods.parts.kinship import Kinship
from contraflow.methods.parts.negatives import NegativePolicy
from contraflow.views.batch import Batch


class Margin(Method):
    """Views of one image are pulled together, views of two pushed apart up to a margin."""

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.negatives = NegativePolicy(settings, data.positions)
        self.kin = Kinship(data.kin)

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z = self.embed(features)
        comparison = self.negatives(in_batch(z, batch.shown, self.loss.similarity, kin=self.kin), self.loss.tau)
        return Output(self.contrast(comparison), z)

    def contrast(self, comparison: Comparison) -> Tensor:
        """The loss of a batch's embeddings as they are compared."""
        return margin_pairs(comparison, self.loss.margin, self.loss.similarity)
