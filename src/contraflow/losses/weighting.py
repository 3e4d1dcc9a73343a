"""How much each negative counts in the softmax, a weight that is added to its logit, and how much each anchor.

`debias` needs the cosine: it rests on the least logit that there can be, -1 / tau.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from contraflow.losses.comparison import Comparison, log_likelihood

_LEAST = 1e-8  # probability that is left to all but the positive


def debias(comparison: Comparison, tau: float | Tensor, tau_plus: float) -> Comparison:
    """Correct the sum over negatives for those that are false.

    For an anchor with N negatives, R the sum over them of exp(l) and P the mean of exp(l) over its positives, the sum
    becomes max( (R - N tau_plus P) / (1 - tau_plus), N exp(-1 / tau) ) (Chuang et al. 2020, "Debiased Contrastive
    Learning", equations 7 and 8). As every negative's logit moves by the same amount, this is a weight an anchor.

    Args:
        tau_plus: Probability that a negative is false, 0 to below 1.
    """
    logits, used = _negative_logits(comparison, tau)
    count = comparison.negative.sum(1, keepdim=True, dtype=logits.dtype).clamp(min=1)
    total = _log_sum(logits, used)
    positives = (comparison.similarity / tau).masked_fill(~comparison.positive, float("-inf"))
    alike = comparison.positive.sum(1, keepdim=True, dtype=logits.dtype)
    positive = positives.logsumexp(1, keepdim=True) - alike.log()
    excess = positive - total + (count * tau_plus).log()  # log of N tau_plus P / R
    some_left = excess < 0
    left = total + torch.log(-torch.expm1(torch.where(some_left, excess, -1))) - math.log1p(-tau_plus)
    floor = count.log() - 1 / tau
    corrected = torch.where(some_left, torch.maximum(left, floor), floor)
    return _add_weight(comparison, corrected - total)


def harden(comparison: Comparison, tau: float | Tensor, beta: float) -> Comparison:
    """Weigh each negative by exp(beta l) over the mean of that among the anchor's negatives.

    With `debias` after it this is HCL (Robinson et al. 2021, "Contrastive Learning with Hard Negative Samples",
    equation 4). As in the authors' code, beta multiplies the logit s / tau, and gradients pass through the weights.

    Args:
        beta: Concentration, at least 0; 0 leaves all weights equal.
    """
    logits, used = _negative_logits(comparison, tau)
    count = comparison.negative.sum(1, keepdim=True, dtype=logits.dtype).clamp(min=1)
    return _add_weight(comparison, beta * logits - (_log_sum(beta * logits, used) - count.log()))


def emphasise(comparison: Comparison, tau: float | Tensor) -> Comparison:
    """Weigh each anchor by 1 / (1 - P), P the probability of its positive, without gradient.

    This undoes the shrinking of the gradient of anchors that have found their positive (Huang et al. 2023, "Model-Aware
    Contrastive Learning", section 4.3).
    """
    with torch.no_grad():
        missed = -torch.expm1(log_likelihood(comparison, tau))
    return replace(comparison, anchor_weight=1 / missed.clamp(min=_LEAST))


def _negative_logits(comparison: Comparison, tau: float | Tensor) -> tuple[Tensor, Tensor]:
    """Weighted logits, and which to sum over: the negatives, or where an anchor has none all, to stay finite."""
    logits = comparison.similarity / tau
    if comparison.weight is not None:
        logits = logits + comparison.weight
    return logits, comparison.negative | ~comparison.negative.any(1, keepdim=True)


def _log_sum(logits: Tensor, used: Tensor) -> Tensor:
    return logits.masked_fill(~used, float("-inf")).logsumexp(1, keepdim=True)


def _add_weight(comparison: Comparison, weight: Tensor) -> Comparison:
    return replace(comparison, weight=weight if comparison.weight is None else comparison.weight + weight)
