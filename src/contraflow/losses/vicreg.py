"""VICReg (Bardes et al. 2022, "VICReg: Variance-Invariance-Covariance Regularization", equations 1 to 6).

The terms are scaled as in the authors' code (facebookresearch/vicreg), for which the weights of the paper are tuned:
the invariance is a mean over dimensions, where equation 5 sums them, and the variance a mean over both views, where
equation 6 adds them up. By the letter of the equations the same weights would give another balance of the terms.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.losses.ntxent import require_pair
from contraflow.losses.similarity import exact

EPSILON = 1e-4  # added to a variance before its root is taken


def vicreg(z1: Tensor, z2: Tensor, weights: Sequence[float]) -> Tensor:
    """Weighted sum of three terms: views agree, dimensions vary, dimensions are uncorrelated.

    Invariance is the mean squared difference of the views; variance the mean of max(0, 1 - deviation) over dimensions,
    averaged over both views; covariance the sum of all squared covariances of two dimensions over D, summed over views.

    Args:
        z1, z2: As for `barlow_twins`.
        weights: Of invariance, variance and covariance (25, 25 and 1 in the paper).

    Returns:
        A scalar, at least 0.
    """
    require_pair("vicreg", z1, z2)
    invariance, variance, covariance = weights
    with torch.autocast(z1.device.type, enabled=False):
        z1, z2 = exact(z1), exact(z2)
        return (
            invariance * F.mse_loss(z1, z2)
            + variance * (_variance(z1) + _variance(z2)) / 2
            + covariance * (_covariance(z1) + _covariance(z2))
        )


def _variance(z: Tensor) -> Tensor:
    return (1 - (z.var(dim=0) + EPSILON).sqrt()).relu().mean()


def _covariance(z: Tensor) -> Tensor:
    centred = z - z.mean(dim=0)
    covariance = centred.T @ centred / (len(z) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / z.shape[1]
