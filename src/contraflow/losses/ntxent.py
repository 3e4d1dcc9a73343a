"""NT-Xent, the loss of SimCLR (Chen et al. 2020, "A Simple Framework for Contrastive Learning", equation 1)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def ntxent(z1: Tensor, z2: Tensor, tau: float) -> Tensor:
    """Mean cross-entropy of finding each anchor's other view among all other 2N - 1 embeddings.

    For an anchor i with positive p: -log( exp(s_ip / tau) / sum_{j != i} exp(s_ij / tau) ), s the cosine similarity,
    averaged over all 2N anchors. Logits are computed in float32 whatever the inputs' precision.

    Args:
        z1: First views' projections, shape (N, D); they need not be normalised.
        z2: Second views' projections, shape (N, D), row by row the positives of `z1`.
        tau: Temperature, greater than 0.

    Returns:
        A scalar; log(2N - 1) when all embeddings are equal.

    Raises:
        ValueError: the shapes differ, are not two-dimensional, or `tau` is not greater than 0.
    """
    if z1.shape != z2.shape or z1.ndim != 2:
        raise ValueError(f"ntxent needs two (N, D) tensors of one shape, got {tuple(z1.shape)} and {tuple(z2.shape)}")
    if not tau > 0:
        raise ValueError(f"tau must be greater than 0, got {tau}")
    n = len(z1)
    with torch.autocast(z1.device.type, enabled=False):
        z = torch.cat([z1, z2])
        z = F.normalize(z if z.dtype == torch.float64 else z.float(), dim=1)  # (2N, D)
        logits = z @ z.T / tau  # (2N, 2N)
        logits.fill_diagonal_(float("-inf"))  # an anchor is no candidate for itself
        positive = torch.arange(2 * n, device=z.device).roll(n)  # row i's other view: i + N modulo 2N
        return F.cross_entropy(logits, positive)
