"""Distillation of a frozen encoder's features (Romero et al. 2015, "FitNets: Hints for Thin Deep Nets")."""

from torch import Tensor, nn

from contraflow.collectives import gather
from contraflow.losses.comparison import exact
from contraflow.losses.distillation import DISTANCES
from contraflow.methods.parts.base import Method, Output
from contraflow.views.batch import Batch


class Distil(Method):
    """The features of each view are those that a teacher makes of it.

    Where the two are of other lengths a linear layer is between them, in the place of a projection head.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        width, self.dimension = self.encoder.dimension, data.taught
        self.projection = nn.Identity() if width == data.taught else nn.Linear(width, data.taught)
        self.distance = DISTANCES[settings.loss.distillation]

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z, taught = self.embed(features), gather(batch.taught, dim=1)
        loss = self.distance(z.flatten(0, 1), taught.flatten(0, 1))
        # for diagnosis without what the teacher's features have in common: after a ReLU they are all much alike
        return Output(loss, exact(z) - exact(taught).mean((0, 1)))
