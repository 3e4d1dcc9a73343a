"""What methods have in common that compare embeddings with prototypes."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contraflow.losses.comparison import cosine, exact
from contraflow.methods.parts.base import Method
from contraflow.views.batch import Batch


class Prototypes(nn.Module):
    """Embeddings (N, D) to their cosines (N, K) with K prototypes.

    SwAV's normalised prototypes, and the last layer of DINO's head: weight-normalised, of gain 1, after a bottleneck
    that is normalised.
    """

    def __init__(self, dimension: int, count: int):
        super().__init__()
        self.weight = nn.Parameter(F.normalize(torch.randn(count, dimension)))

    def forward(self, z: Tensor) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            return cosine(exact(z), self.weight)


class Prototypical(Method):
    """A method whose projections are cosines with `method.prototypes`, behind the head that `model.projection` names.

    It predicts how views are spread over them, and is diagnosed by that: in a collapse they are all spread alike.
    The prototypes stay in the first `method.frozen_prototypes` epochs, as in the code of the authors of both.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        prototypes = Prototypes(self.dimension, settings.method.prototypes)
        self.projection, self.dimension = nn.Sequential(self.projection, prototypes), settings.method.prototypes
        self.frozen_epochs = settings.method.frozen_prototypes

    def held(self, epoch: int) -> Iterable[nn.Parameter]:
        return self.projection[-1].parameters() if epoch < self.frozen_epochs else ()

    def scores(self, features: Tensor, batch: Batch) -> Tensor:
        """Cosines (V + L, N, K) of the features (V, n, F) of the views, and of the small crops where there are any."""
        scores = self.embed(features)
        if batch.local is None:
            return scores
        return torch.cat([scores, self.embed(self.features(batch.local))])
