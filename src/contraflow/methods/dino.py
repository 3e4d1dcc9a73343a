"""DINO (Caron et al. 2021, "Emerging Properties in Self-Supervised Vision Transformers")."""

import torch
from torch import Tensor

from contraflow.losses.prototypes import predict_others, sharpened
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.momentum import MomentumCopy
from contraflow.methods.parts.prototypical import Prototypical
from contraflow.methods.parts.schedule import warmed_up
from contraflow.views.batch import Batch


class DINO(Prototypical):
    """Each view, and each small crop, predicts what a momentum encoder makes of the other views.

    The outputs of that are centred by a running mean, and sharpened: without the one or the other all images would come
    to be alike. Its head has the BatchNorm that other methods' have, which the paper's has not.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.momentum = MomentumCopy(self, settings.method.momentum)
        self.keep = settings.method.centring
        self.register_buffer("centre", torch.zeros(self.dimension))

    def learn(self, features: Tensor, batch: Batch) -> Output:
        self.momentum.follow(self, batch.progress)
        scores = self.scores(features, batch)
        taught = self.momentum.embed(batch.views, self.micro_batch)
        tau = warmed_up(*self.loss.teacher_tau, self.loss.teacher_warmup, batch.progress)
        targets = sharpened(taught, self.centre, tau)
        self.centre.lerp_(taught.mean((0, 1)), 1 - self.keep)
        return Output(predict_others(targets, scores, self.loss.tau), targets)
