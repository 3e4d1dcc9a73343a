"""SimCLR (Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations")."""

from contraflow.losses import ntxent
from contraflow.methods.parts.base import Batch, Method, Output
from contraflow.methods.parts.negatives import Negatives
from contraflow.methods.parts.temperature import Temperature


class SimCLR(Method):
    """NT-Xent over both views, all 2N anchors."""

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.similarity = settings.loss.similarity
        self.temperature = Temperature(settings.loss)
        self.negatives = Negatives(settings)

    def forward(self, batch: Batch) -> Output:
        z = self.embed(batch.views)
        tau = self.temperature(*z, batch.progress)
        loss = ntxent(*z, tau, index=batch.index, similarity=self.similarity, negatives=self.negatives)
        return Output(loss, z)
