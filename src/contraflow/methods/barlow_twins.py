"""Barlow Twins (Zbontar et al. 2021, "Barlow Twins: Self-Supervised Learning via Redundancy Reduction")."""

from torch import Tensor

from contraflow.losses.without_negatives import barlow_twins
from contraflow.methods.parts.base import Method, Output
from contraflow.views.batch import Batch


class BarlowTwins(Method):
    """Dimensions agree between the views and are uncorrelated with each other; no negatives."""

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z = self.embed(features)
        return Output(barlow_twins(*z, self.loss.barlow_redundancy), z)
