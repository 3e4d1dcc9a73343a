"""The momentum encoder of MoCo, BYOL and DINO."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from contraflow.collectives import gather
from contraflow.methods.parts.base import Method
from contraflow.methods.parts.schedule import cosine_schedule
from contraflow.models.cached import in_parts


class MomentumCopy(nn.Module):
    """A method's encoder and projection head as a moving average over steps, without gradients.

    Its BatchNorms have statistics of their own: only weights are averaged (He et al. 2020, equation 2).

    Args:
        method: Is copied as it is now.
        momentum: Share of its own weights that it keeps in a step, at the start of the training and at its end.
    """

    def __init__(self, method: Method, momentum: Sequence[float]):
        super().__init__()
        self.schedule = momentum
        self.encoder = deepcopy(method.encoder).requires_grad_(False)
        self.projection = deepcopy(method.projection).requires_grad_(False)

    @torch.no_grad()
    def follow(self, method: Method, progress: float) -> None:
        """Keep a share of the own weights, take the rest from the method's; `progress` is 0 at first, 1 at the end."""
        momentum = cosine_schedule(*self.schedule, progress)
        for own, other in ((self.encoder, method.encoder), (self.projection, method.projection)):
            for mine, new in zip(own.parameters(), other.parameters(), strict=True):
                mine.lerp_(new, 1 - momentum)

    @torch.no_grad()
    def embed(self, views: Tensor, micro_batch: int | None) -> Tensor:
        """Projections of the views of all processes, of which this one has (V, n, C, H, W): (V, N, D).

        The encoder sees those of `micro_batch` images at a time, None for all.
        """
        features = in_parts(self.encoder, views, micro_batch)
        return gather(Method.each(self.projection, features), dim=1)
