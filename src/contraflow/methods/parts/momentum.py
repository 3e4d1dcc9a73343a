"""The momentum encoder of MoCo and BYOL."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from contraflow.collectives import gather
from contraflow.methods.parts.base import Method


class MomentumCopy(nn.Module):
    """A method's encoder and projection head as a moving average over steps, without gradients.

    Its BatchNorms have statistics of their own: only weights are averaged (He et al. 2020, equation 2).
    """

    def __init__(self, method: Method):
        super().__init__()
        self.encoder = deepcopy(method.encoder).requires_grad_(False)
        self.projection = deepcopy(method.projection).requires_grad_(False)

    @torch.no_grad()
    def follow(self, method: Method, momentum: float) -> None:
        """Keep the share `momentum` of the own weights, take the rest from the method's."""
        for own, other in ((self.encoder, method.encoder), (self.projection, method.projection)):
            for mine, new in zip(own.parameters(), other.parameters(), strict=True):
                mine.lerp_(new, 1 - momentum)

    @torch.no_grad()
    def embed(self, views: Tensor) -> Tensor:
        """Projections of the views of all processes, of which this one has (V, n, C, H, W): (V, N, D)."""
        return gather(self.projection(self.encoder(views.flatten(0, 1))).unflatten(0, views.shape[:2]), dim=1)
