"""Which of an anchor's negatives take part."""

from dataclasses import replace

import torch
from torch import Tensor

from contraflow.losses.comparison import Comparison


def ranks(comparison: Comparison) -> Tensor:
    """Place of each negative among its anchor's negatives, (A, M) int64: 0 for the most similar.

    Of equally similar ones the earlier column comes first. What is no negative is ranked behind all that are.
    """
    masked = comparison.similarity.detach().masked_fill(~comparison.negative, float("-inf"))
    order = masked.argsort(dim=1, descending=True, stable=True)
    places = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


def ring(comparison: Comparison, inner: float, outer: float | Tensor) -> Comparison:
    """Keep a band of the ranking: the nearest `outer` of an anchor's negatives without the very nearest `inner`.

    The nearest are the likeliest to be false negatives, the farthest teach nothing (Wu et al. 2021, "Conditional
    Negative Sampling for Contrastive Learning of Visual Representations"). One negative is kept in any case.

    Args:
        inner: Share of the anchor's negatives, 0 to below 1.
        outer: Share of the anchor's negatives, `inner` to 1.
    """
    rank, count = ranks(comparison), comparison.negative.sum(1, keepdim=True)
    first = torch.minimum((inner * count).round(), count - 1)
    last = torch.maximum((outer * count).round(), first + 1)
    return replace(comparison, negative=comparison.negative & (rank >= first) & (rank < last))


def hardest(comparison: Comparison, k: int) -> Comparison:
    """Keep the `k` most similar of each anchor's negatives."""
    return replace(comparison, negative=comparison.negative & (ranks(comparison) < k))


def within_margin(comparison: Comparison, margin: float) -> Comparison:
    """Keep negatives that are more similar to the anchor than its least similar positive less `margin`.

    The rule of the MultiSimilarity miner (Wang et al. 2019, "Multi-Similarity Loss with General Pair Weighting",
    section 3.3). An anchor may be left without any, and then teaches nothing.
    """
    similarity = comparison.similarity.detach()
    least = similarity.masked_fill(~comparison.positive, float("inf")).amin(1, keepdim=True)
    return replace(comparison, negative=comparison.negative & (similarity > least - margin))


def outside_window(comparison: Comparison, window: int, positions: Tensor | None = None) -> Comparison:
    """Drop negatives whose position is within `window` of the anchor's.

    In video and time series the neighbours in time show the same thing.

    Args:
        positions: Of each image by sample index, (images,) int64; None where the sample indices are the positions.
    """
    anchor, key = comparison.anchor_index, comparison.key_index
    if positions is not None:
        # What has no image (EMPTY) is no negative in any case, and may get any position.
        anchor, key = positions[anchor.clamp(min=0)], positions[key.clamp(min=0)]
    apart = (anchor[:, None] - key).abs() > window
    return replace(comparison, negative=comparison.negative & apart)
