"""What methods have in common that find a positive among negatives by a softmax, its temperature above all."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contraflow.losses.comparison import exact
from contraflow.losses.infonce import Stored, info_nce
from contraflow.methods.parts.comparing import Comparing
from contraflow.methods.parts.schedule import cosine_schedule
from contraflow.methods.parts.settings import Loss

LEAST = 0.01  # of a learned temperature; below, one negative takes all the gradient
SPEED = 0.1  # of learning log tau beside the weights, whose learning rate would make it jump


class Temperature(nn.Module):
    """The temperature that `loss.temperature` names, starting from `loss.tau`.

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
            return cosine_schedule(loss.tau_max, loss.tau, swing)
        if loss.temperature == "macl":
            alike = F.cosine_similarity(exact(anchors), exact(positives)).mean().detach()
            return loss.tau * (1 + loss.macl_alpha * alike)
        return loss.tau


class Contrastive(Comparing):
    """A method with a similarity and a temperature beside the policy for its negatives."""

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.similarity = settings.loss.similarity
        self.temperature = Temperature(settings.loss)

    @property
    def comparing(self) -> dict:
        """What its loss is told, whatever it compares."""
        return {"similarity": self.similarity, "negatives": self.negatives, "kin": self.kin}

    def find(
        self, query: Tensor, key: Tensor, stored: Stored, mined: Stored | None, index: Tensor, progress: float
    ) -> Tensor:
        """`info_nce` of queries (N, D) of images `index` (N,), at the temperature of the share of training done.

        What is `mined` is compared with them beside what the method has stored.
        """
        tau = self.temperature(query, key, progress)
        if mined is not None:
            stored = Stored(*(torch.cat(both) for both in zip(stored, mined, strict=True)))
        return info_nce(query, key, stored, tau, index=index, **self.comparing)
