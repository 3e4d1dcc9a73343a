"""SimCLR (Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations")."""

from itertools import product

from contraflow.losses import ntxent
from contraflow.methods.parts.base import Batch, Method, Output
from contraflow.methods.parts.negatives import Negatives
from contraflow.methods.parts.temperature import Temperature


class SimCLR(Method):
    """NT-Xent over both views, all 2N anchors.

    Where there are small crops (multi-crop, Caron et al. 2020), the mean of that and of NT-Xent between each of them
    and each of the views, all pairs counting alike.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.similarity = settings.loss.similarity
        self.temperature = Temperature(settings.loss)
        self.negatives = Negatives(settings, data.positions)

    def forward(self, batch: Batch) -> Output:
        z = self.embed(batch.views)
        tau = self.temperature(*z, batch.progress)
        pairs = [tuple(z)]
        if batch.local is not None:
            pairs += product(z, self.embed(batch.local))
        losses = [
            ntxent(*pair, tau, index=batch.index, similarity=self.similarity, negatives=self.negatives)
            for pair in pairs
        ]
        return Output(sum(losses) / len(losses), z)
