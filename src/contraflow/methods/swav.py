"""SwAV (Caron et al. 2020, "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments")."""

import torch
from torch import Tensor

from contraflow.losses.prototypes import predict_others, sinkhorn
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.prototypical import Prototypical
from contraflow.views.batch import Batch


class SwAV(Prototypical):
    """Each view, and each small crop, predicts to which prototypes the other views are assigned.

    Of a batch, view by view, each prototype gets an equal share, so that no two images need be told apart for all not
    to be alike.

    The paper's queue of earlier embeddings, for batches smaller than the number of prototypes, is left out: with as few
    prototypes as images it has nothing to do, and more than that are refused.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.epsilon, self.iterations = settings.method.sinkhorn_epsilon, settings.method.sinkhorn_iterations

    def learn(self, features: Tensor, batch: Batch) -> Output:
        scores = self.scores(features, batch)
        views = scores[: len(features)].detach()
        targets = torch.stack([sinkhorn(view, self.epsilon, self.iterations) for view in views])
        return Output(predict_others(targets, scores, self.loss.tau), targets)
