"""SimCSE (Gao et al. 2021, "SimCSE: Simple Contrastive Learning of Sentence Embeddings")."""

from torch import Tensor

from contraflow.losses.infonce import Stored
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.contrastive import Contrastive
from contraflow.views.batch import Batch


class SimCSE(Contrastive):
    """Each text's first view is to find its second, among the second views of all texts of the batch (equation 1).

    Both views are the same text with another dropout, or where `positives.from` says so a text and one that belongs to
    it (section 4).
    """

    def learn(self, features: Tensor, batch: Batch) -> Output:
        z, companions = self.split(self.embed(features), batch)
        (query, key), (of_query, of_key) = z, batch.shown.expand(z.shape[:2])
        loss = self.find(query, key, Stored(key, of_key), self.mined(batch, companions), of_query, batch.progress)
        return Output(loss, z)
