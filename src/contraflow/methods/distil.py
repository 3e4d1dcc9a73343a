"""Distillation of a frozen encoder's features (Romero et al. 2015, "FitNets: Hints for Thin Deep Nets")."""

from torch import Tensor, nn

from contraflow.collectives import gather
from contraflow.losses.comparison import exact
from contraflow.losses.distillation import DISTANCES
from contraflow.methods.parts.base import Method, Output
from contraflow.views.batch import Batch


class Distil(Method):
    """The features of each view are to be those that a teacher makes of it.

    What those of a whole batch have in common is taken off: after a ReLU they all point much the same way, and that
    would be most of what is learned. Where the two are of other lengths a linear layer is between them, in the place of
    a projection head.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        width, self.dimension = self.encoder.dimension, data.taught
        self.projection = nn.Identity() if width == data.taught else nn.Linear(width, data.taught, bias=False)
        self.distance = DISTANCES[settings.loss.distillation]

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z, taught = (exact(x) - exact(x).mean((0, 1)) for x in (self.embed(features), gather(batch.taught, dim=1)))
        return Output(self.distance(z.flatten(0, 1), taught.flatten(0, 1)), z)
