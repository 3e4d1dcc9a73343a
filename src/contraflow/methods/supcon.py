"""SupCon (Khosla et al. 2020, "Supervised Contrastive Learning")."""

from torch import Tensor

from contraflow.losses.ntxent import ntxent
from contraflow.methods.parts.base import Output
from contraflow.methods.simclr import SimCLR
from contraflow.views.batch import Batch


class SupCon(SimCLR):
    """SimCLR whose positives are also the images of the anchor's label; images without one are treated as in SimCLR."""

    needs_labels = True

    def forward(self, batch: Batch) -> Output:
        z = self.embed(batch.views)
        return Output(self.contrast(z, batch), z)

    def contrast(self, z: Tensor, batch: Batch) -> Tensor:
        """The loss of embeddings (2, N, D)."""
        tau = self.temperature(*z, batch.progress)
        return ntxent(
            *z, tau, index=batch.index, similarity=self.similarity, negatives=self.negatives, labels=batch.labels
        )
