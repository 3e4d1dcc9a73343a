"""VICReg (Bardes et al. 2022, "VICReg: Variance-Invariance-Covariance Regularization")."""

from torch import Tensor

from contraflow.losses.without_negatives import vicreg
from contraflow.methods.parts.base import Method, Output
from contraflow.views.batch import Batch


class VICReg(Method):
    """Views agree, each dimension varies, dimensions are uncorrelated; no negatives."""

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z = self.embed(features)
        return Output(vicreg(*z, self.loss.vicreg), z)
