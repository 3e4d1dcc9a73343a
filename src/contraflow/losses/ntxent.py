"""NT-Xent, the loss of SimCLR (Chen et al. 2020, "A Simple Framework for Contrastive Learning", equation 1), and with
labels SupCon (Khosla et al. 2020, "Supervised Contrastive Learning", equation 2, without its constant factor)."""

import torch
from torch import Tensor

from contraflow.losses.comparison import AreKin, Policy, in_batch, same_image, softmax_loss, unchanged


def ntxent(
    z1: Tensor,
    z2: Tensor,
    tau: float | Tensor,
    *,
    index: Tensor | None = None,
    similarity: str = "cosine",
    negatives: Policy = unchanged,
    others: tuple[Tensor, Tensor] | None = None,
    kin: AreKin = same_image,
) -> Tensor:
    """Mean cross-entropy of finding each anchor's other view among all other 2N - 1 embeddings, and perhaps K more.

    For an anchor i with positive p: -log( exp(s_ip / tau) / sum_{j != i} exp(s_ij / tau) ), s the similarity, averaged
    over all 2N anchors. Logits are computed in float32 whatever the inputs' precision.

    Args:
        z1: First views' projections, shape (N, D); they need not be normalised.
        z2: Second views' projections, shape (N, D), row by row the positives of `z1`.
        tau: Temperature, greater than 0.
        index: Sample index of the image in each view, (2, N), or (N,) where a row shows one; by default all differ.
        similarity: One of `SIMILARITIES`.
        negatives: Policy for the negatives.
        others: Projections of further images, (K, D), and the sample index of each, (K,): negatives of every anchor of
            another image.
        kin: Who shows the same thing: all other embeddings of an anchor's kin are its positives. By label that is
            SupCon.

    Returns:
        A scalar; log(2N - 1 + K) when all embeddings are equal and all images differ.

    Raises:
        ValueError: the shapes differ, are not two-dimensional, or `tau` is not greater than 0.
    """
    require_pair("ntxent", z1, z2)
    return softmax_loss(in_batch(torch.stack([z1, z2]), index, similarity, others, kin), tau, negatives)


def require_pair(name: str, z1: Tensor, z2: Tensor) -> None:
    """Refuse two views that are not two matrices of one shape."""
    if z1.shape != z2.shape or z1.ndim != 2:
        raise ValueError(f"{name} needs two (N, D) tensors of one shape, got {tuple(z1.shape)} and {tuple(z2.shape)}")
