"""Triplet loss (Schroff et al. 2015, "FaceNet", section 3)."""

import torch
from torch import Tensor

from contraflow.losses.comparison import Comparison, positive_similarity

CHOICES = ("random", "semi_hard", "hardest")


def triplet(comparison: Comparison, margin: float, choice: str) -> Tensor:
    """Mean over anchors of max(0, s_n - s_p + margin), s_n the similarity to one negative, s_p to the positive.

    With the negative Euclidean distance as similarity this is the loss of the paper, in distances without squares.

    Args:
        margin: By how much the positive is to be more similar; greater than 0.
        choice: `random` draws the negative from torch's CPU generator, `hardest` takes the most similar, `semi_hard`
            the most similar of those that are less similar than the positive. An anchor that has none is left out.

    Returns:
        A scalar, at least 0; 0 when no anchor has a negative.

    Raises:
        ValueError: `choice` is not one of `CHOICES`.
    """
    if choice not in CHOICES:
        raise ValueError(f"choice must be one of {', '.join(CHOICES)}, got {choice!r}")
    positive, candidates = positive_similarity(comparison), comparison.negative
    if choice == "semi_hard":
        candidates = candidates & (comparison.similarity < positive)
    order = comparison.similarity.detach()
    if choice == "random":
        order = torch.rand(order.shape).to(order)
    chosen = order.masked_fill(~candidates, float("-inf")).argmax(1, keepdim=True)
    loss = (comparison.similarity.gather(1, chosen) - positive + margin).relu()
    used = candidates.any(1, keepdim=True)
    return loss.masked_fill(~used, 0).sum() / used.sum().clamp(min=1)
