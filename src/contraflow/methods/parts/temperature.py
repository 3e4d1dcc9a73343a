"""The temperature of a softmax: fixed, learned, on a schedule, or adapted to how alike the views are."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contraflow.losses.comparison import exact
from contraflow.methods.parts.schedule import cosine
from contraflow.methods.parts.settings import Loss

LEAST = 0.01  # of a learned temperature; below, one negative takes all the gradient
SPEED = 0.1  # of learning log tau beside the weights, whose learning rate would make it jump


class Temperature(nn.Module):
    """What `loss.temperature` names, starting from `loss.tau`.

    fixed: always tau. learned: tau exp(SPEED w), w learned from 0, at least LEAST. cosine: from tau_max down to tau
    and back, tau_swings times in a training (Kukleva et al. 2023, "Temperature Schedules for Self-Supervised
    Contrastive Methods on Long-Tail Data"). macl: tau (1 + macl_alpha A), A the mean cosine of positive pairs, without
    gradient (Huang et al. 2023, "Model-Aware Contrastive Learning", with A_0 = 0; `NegativePolicy` adds its weights of
    anchors).
    """

    def __init__(self, loss: Loss):
        super().__init__()
        self.loss = loss
        if loss.temperature == "learned":
            self.w = nn.Parameter(torch.zeros(()))

    def forward(self, anchors: Tensor, positives: Tensor, progress: float) -> float | Tensor:
        """The temperature of a step: anchors (N, D), row by row their positives (N, D), share of training done."""
        loss = self.loss
        if loss.temperature == "learned":
            return (loss.tau * (SPEED * self.w).exp()).clamp(min=LEAST)
        if loss.temperature == "cosine":
            swing = 2 * loss.tau_swings * progress % 2
            return cosine(loss.tau_max, loss.tau, swing)
        if loss.temperature == "macl":
            alike = F.cosine_similarity(exact(anchors), exact(positives)).mean().detach()
            return loss.tau * (1 + loss.macl_alpha * alike)
        return loss.tau
