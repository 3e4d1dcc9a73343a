"""The cross-entropy of finding an anchor's positives: what NT-Xent, InfoNCE, SupCon and NNCLR have in common."""

import torch
from torch import Tensor

from contraflow.losses.comparison import Comparison, Policy, unchanged


def softmax_loss(comparison: Comparison, tau: float | Tensor, negatives: Policy = unchanged) -> Tensor:
    """Mean over anchors of -w/|P| sum_{p in P} log( exp(l_p) / sum_{j in P or N} exp(l_j) ).

    P are an anchor's positives, N its negatives, l = similarity / tau, to which a weight is added for negatives, and w
    the anchor's own weight, 1 by default. With one positive an anchor this is the cross-entropy of a classifier among
    its candidates (van den Oord et al. 2018), with several the outer form of Khosla et al. 2020.

    Args:
        comparison: Each anchor has a positive.
        tau: Temperature, greater than 0. A tensor's is not looked at: a GPU would have to wait for it.
        negatives: Policy for the negatives, which changes the comparison first.

    Returns:
        A scalar, at least 0.

    Raises:
        ValueError: `tau` is not greater than 0.
    """
    if not isinstance(tau, Tensor) and not tau > 0:
        raise ValueError(f"tau must be greater than 0, got {tau}")
    comparison = negatives(comparison, tau)
    found = log_likelihood(comparison, tau)
    return -(found if comparison.anchor_weight is None else comparison.anchor_weight * found).mean()


def log_likelihood(comparison: Comparison, tau: float | Tensor) -> Tensor:
    """Log-probability of an anchor's positive, or the mean over several: (A,), at most 0; arguments as above."""
    positive, negative = comparison.positive, comparison.negative
    logits = comparison.similarity / tau
    if comparison.weight is not None:
        logits = logits + torch.where(negative, comparison.weight, 0)
    log_probability = torch.log_softmax(logits.masked_fill(~(positive | negative), float("-inf")), dim=1)
    return log_probability.masked_fill(~positive, 0).sum(1) / positive.sum(1)
