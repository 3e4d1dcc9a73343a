"""What methods have in common that find a positive among negatives by a softmax."""

from torch import Tensor

from contraflow.losses.infonce import Stored, info_nce
from contraflow.methods.parts.base import Method
from contraflow.methods.parts.negatives import NegativePolicy
from contraflow.methods.parts.temperature import Temperature


class Contrastive(Method):
    """A method with a similarity, a temperature and a policy for its negatives."""

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.similarity = settings.loss.similarity
        self.temperature = Temperature(settings.loss)
        self.negatives = NegativePolicy(settings, data.positions)

    def find(self, query: Tensor, key: Tensor, stored: Stored, index: Tensor, progress: float) -> Tensor:
        """`info_nce` of queries (N, D) of images `index` (N,), at the temperature of the share of training done."""
        tau = self.temperature(query, key, progress)
        return info_nce(query, key, stored, tau, index=index, similarity=self.similarity, negatives=self.negatives)
