"""Triplets of an image's two views and one other image (Schroff et al. 2015, "FaceNet")."""

from torch import Tensor

from contraflow.losses.comparison import Comparison
from contraflow.losses.margins import triplet
from contraflow.methods.margin import Margin


class Triplet(Margin):
    """Each view is to be closer to its image's other view than to one negative of the batch, by a margin."""

    def contrast(self, comparison: Comparison) -> Tensor:
        return triplet(comparison, self.loss.margin, self.loss.triplet)
