"""SimSiam (Chen & He 2021, "Exploring Simple Siamese Representation Learning")."""

from torch import Tensor, nn

from contraflow.collectives import gather
from contraflow.losses.without_negatives import negative_cosine
from contraflow.methods.parts.base import Method, Output
from contraflow.models.norms import set_norm
from contraflow.views.batch import Batch


class SimSiam(Method):
    """Each view predicts the other's projection, into which no gradient enters; no negatives, no momentum encoder.

    As in the paper the projection ends in a BatchNorm without scale and shift, which the method needs (section 4.4).
    """

    predicts = True

    def __init__(self, settings, data):
        super().__init__(settings, data)
        last = nn.BatchNorm1d(self.dimension, affine=False)
        self.projection = set_norm(nn.Sequential(self.projection, last), settings.model.norm)

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z = self.each(self.projection, features)
        p1, p2 = self.gathered(self.predictor, z)
        z1, z2 = z = gather(z.detach(), dim=1)
        return Output((negative_cosine(p1, z2) + negative_cosine(p2, z1)) / 2, z)
