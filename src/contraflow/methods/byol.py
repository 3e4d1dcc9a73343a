"""BYOL (Grill et al. 2020, "Bootstrap Your Own Latent")."""

from torch import Tensor

from contraflow.collectives import gather
from contraflow.losses.without_negatives import negative_cosine
from contraflow.methods.parts.base import Method, Output
from contraflow.methods.parts.momentum import MomentumCopy
from contraflow.views.batch import Batch


class BYOL(Method):
    """Each view predicts what a momentum encoder makes of the other; no negatives."""

    predicts = True

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.momentum = MomentumCopy(self, settings.method.momentum)

    def learn(self, features: Tensor, batch: Batch) -> Output:
        self.momentum.follow(self, batch.progress)
        z = self.each(self.projection, features)
        p1, p2 = self.gathered(self.predictor, z)
        t1, t2 = self.momentum.embed(batch.views, self.micro_batch)
        # squared distances of unit vectors, 2 - 2 cos, of both directions
        return Output(4 + 2 * (negative_cosine(p1, t2) + negative_cosine(p2, t1)), gather(z.detach(), dim=1))
