"""How far features are from those of a teacher."""

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.losses.comparison import exact


def cosine_distance(z: Tensor, taught: Tensor) -> Tensor:
    """Mean of 1 - cos over rows (N, D) and their targets (N, D): a scalar, 0 to 2."""
    return 1 - F.cosine_similarity(exact(z), exact(taught), dim=1).mean()


def standardised_mse(z: Tensor, taught: Tensor) -> Tensor:
    """Mean squared difference of rows (N, D) and their targets (N, D), each dimension of both first standardised.

    As in Miles and Mikolajczyk 2024, "Understanding the Role of the Projector in Knowledge Distillation", a BatchNorm
    without scale and shift does that, and a linear layer is before it: each dimension counts alike. (Of rows of length
    1 it would be the cosine distance, times 2 / D.)

    Returns:
        A scalar, at least 0: the mean over dimensions of 2 - 2 times their correlation.
    """
    with torch.autocast(z.device.type, enabled=False):
        return F.mse_loss(*(F.batch_norm(exact(each), None, None, training=True) for each in (z, taught)))


DISTANCES = {"cosine": cosine_distance, "mse": standardised_mse}  # as `loss.distillation` names them
