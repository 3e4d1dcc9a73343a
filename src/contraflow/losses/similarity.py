"""How alike two vectors are: the similarities that `loss.similarity` names."""

import torch
import torch.nn.functional as F
from torch import Tensor


def exact(z: Tensor) -> Tensor:
    """`z` in float32, or float64 where it was: half precision is too coarse for logits at a low temperature."""
    return z if z.dtype == torch.float64 else z.float()


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosines of rows (A, D) and (M, D): (A, M), from -1 to 1."""
    unit = F.normalize(a, dim=1)
    return unit @ (unit if b is a else F.normalize(b, dim=1)).T


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Dot products of rows (A, D) and (M, D) as they are: (A, M)."""
    return a @ b.T


def euclidean(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances of rows (A, D) and (M, D) as they are, with a minus: (A, M), at most 0."""
    # through matrix products a short distance would be the difference of two large numbers
    return -torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


SIMILARITIES = {"cosine": cosine, "dot": dot, "euclidean": euclidean}
