"""Predicting one view from the other, without negatives: the loss of BYOL and SimSiam."""

import torch.nn.functional as F
from torch import Tensor

from contraflow.losses.similarity import exact


def negative_cosine(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of -cos over rows (N, D): Chen & He 2021, "Exploring Simple Siamese Representation Learning", equation 1.

    BYOL's squared distance of unit vectors (Grill et al. 2020, equation 2) is 2 + 2 times this. Whether the gradient
    enters the target is the caller's matter.

    Returns:
        A scalar, -1 (all alike) to 1.
    """
    return -F.cosine_similarity(exact(prediction), exact(target), dim=1).mean()
