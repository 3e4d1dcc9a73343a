"""SupCon (Khosla et al. 2020, "Supervised Contrastive Learning", equation 2, without its constant factor)."""

from dataclasses import replace

import torch
from torch import Tensor

from contraflow.losses.comparison import Policy, in_batch, softmax_loss, unchanged
from contraflow.losses.ntxent import require_pair

UNLABELLED = -1


def supcon(
    z1: Tensor,
    z2: Tensor,
    labels: Tensor,
    tau: float | Tensor,
    *,
    index: Tensor | None = None,
    similarity: str = "cosine",
    negatives: Policy = unchanged,
) -> Tensor:
    """NT-Xent whose positives are all other embeddings of the anchor's label.

    Args:
        labels: (N,) int64; an image without a label, -1, has its own other view as its only positive.

    The other arguments, the result's range and the errors are those of `ntxent`.
    """
    require_pair("supcon", z1, z2)
    comparison = in_batch(torch.stack([z1, z2]), index, similarity)
    label = labels.repeat(2)
    alike = ((label[:, None] == label) & (label != UNLABELLED)).fill_diagonal_(False)
    positive = comparison.positive | alike
    comparison = replace(comparison, positive=positive, negative=comparison.negative & ~positive)
    return softmax_loss(comparison, tau, negatives)
