"""Alignment and uniformity of a batch (Wang & Isola 2020, "Understanding Contrastive Representation Learning through
Alignment and Uniformity on the Hypersphere"); `contraflow.evaluation.geometry` measures them on whole sets."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.losses.similarity import exact


def alignment(z1: Tensor, z2: Tensor) -> Tensor:
    """Mean squared distance of two views (N, D) on the unit sphere: a scalar, 0 to 4."""
    return (F.normalize(exact(z1), dim=1) - F.normalize(exact(z2), dim=1)).square().sum(1).mean()


def uniformity(z: Tensor, t: float = 2.0) -> Tensor:
    """Log of the mean of exp(-t d^2) over all pairs of rows (N, D), N at least 2, on the unit sphere: 0 to -4 t."""
    squared = torch.pdist(F.normalize(exact(z), dim=1)).square()
    return (-t * squared).logsumexp(0) - math.log(len(squared))
