"""Barlow Twins (Zbontar et al. 2021, "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", equation 1)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.losses.ntxent import require_pair
from contraflow.losses.similarity import exact


def barlow_twins(z1: Tensor, z2: Tensor, redundancy: float) -> Tensor:
    """sum_i (1 - C_ii)^2 + redundancy sum_{i != j} C_ij^2, C the (D, D) correlation of the dimensions of both views.

    Args:
        z1: First views' projections, shape (N, D), N at least 2.
        z2: Second views' projections, shape (N, D).
        redundancy: Weight of the second sum, the paper's lambda (0.005); greater than 0.

    Returns:
        A scalar, at least 0.
    """
    require_pair("barlow_twins", z1, z2)
    with torch.autocast(z1.device.type, enabled=False):
        # as in the authors' code, dimensions are standardised by a BatchNorm without scale and shift
        a, b = (F.batch_norm(exact(z), None, None, training=True) for z in (z1, z2))
        correlation = a.T @ b / len(a)
        on_diagonal = correlation.diagonal()
        off_diagonal = correlation.square().sum() - on_diagonal.square().sum()
        return (1 - on_diagonal).square().sum() + redundancy * off_diagonal
