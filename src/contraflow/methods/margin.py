"""Pairs under the contrastive loss with a margin (Hadsell, Chopra, LeCun 2006, "Dimensionality Reduction by Learning
an Invariant Mapping")."""

from torch import Tensor

from contraflow.losses.comparison import Comparison, in_batch
from contraflow.losses.margins import margin_pairs
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.comparing import Comparing
from contraflow.views.batch import Batch


class Margin(Comparing):
    """Views of one image are pulled together, views of two pushed apart up to a margin."""

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z, companions = self.split(self.embed(features), batch)
        comparison = in_batch(z, batch.shown, self.loss.similarity, self.mined(batch, companions), self.kin)
        return Output(self.contrast(self.negatives(comparison, self.loss.tau)), z)

    def contrast(self, comparison: Comparison) -> Tensor:
        """The loss of a batch's embeddings as they are compared."""
        return margin_pairs(comparison, self.loss.margin, self.loss.similarity)
