"""The losses that know no negatives: cosine regression (BYOL and SimSiam), Barlow Twins, VICReg."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.losses.comparison import exact
from contraflow.losses.ntxent import require_pair

EPSILON = 1e-4  # added to a variance before its root is taken


def negative_cosine(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of -cos over rows (N, D): Chen & He 2021, "Exploring Simple Siamese Representation Learning", equation 1.

    BYOL's squared distance of unit vectors (Grill et al. 2020, equation 2) is 2 + 2 times this. Whether the gradient
    enters the target is the caller's matter.

    Returns:
        A scalar, -1 (all alike) to 1.
    """
    return -F.cosine_similarity(exact(prediction), exact(target), dim=1).mean()


def barlow_twins(z1: Tensor, z2: Tensor, redundancy: float) -> Tensor:
    """sum_i (1 - C_ii)^2 + redundancy sum_{i != j} C_ij^2, C the (D, D) correlation of the dimensions of both views.

    Zbontar et al. 2021, "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", equation 1.

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


def vicreg(z1: Tensor, z2: Tensor, weights: Sequence[float]) -> Tensor:
    """Weighted sum of three terms: views agree, dimensions vary, dimensions are uncorrelated.

    Bardes et al. 2022, "VICReg: Variance-Invariance-Covariance Regularization", equations 1 to 6. Invariance is the
    mean squared difference of the views; variance the mean of max(0, 1 - deviation) over dimensions, averaged over both
    views; covariance the sum of all squared covariances of two dimensions over D, summed over views.

    The terms are scaled as in the authors' code (facebookresearch/vicreg), for which the weights of the paper are
    tuned: the invariance is a mean over dimensions, where equation 5 sums them, and the variance a mean over both
    views, where equation 6 adds them up. By the letter of the equations the same weights would give another balance.

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
