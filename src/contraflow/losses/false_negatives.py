"""Negatives that are suspected to show the same as the anchor (Huynh et al. 2022, "Boosting Contrastive
Self-Supervised Learning with False Negative Cancellation")."""

from dataclasses import replace

from torch import Tensor

from contraflow.losses.comparison import Comparison, positive_similarity
from contraflow.losses.selection import ranks


def suspects(comparison: Comparison, top: int, threshold: float) -> Tensor:
    """Negatives among the `top` most similar of their anchor and more similar than `threshold`: bool (A, M)."""
    near = comparison.similarity.detach() > threshold
    return comparison.negative & near & (ranks(comparison) < top)


def eliminate(comparison: Comparison, suspected: Tensor) -> Comparison:
    """Take the suspected (A, M) out of the negatives."""
    return replace(comparison, negative=comparison.negative & ~suspected)


def attract(comparison: Comparison, suspected: Tensor) -> Comparison:
    """Make the suspected (A, M) positives."""
    return replace(eliminate(comparison, suspected), positive=comparison.positive | suspected)


def suspected_share(comparison: Comparison) -> Tensor:
    """Share, 0 to 1, of all negatives that are more similar to their anchor than its positive is; a scalar.

    An estimate of the false negatives that needs no labels: what is more like the anchor than another view of the same
    image probably shows the same.
    """
    closer = comparison.negative & (comparison.similarity > positive_similarity(comparison))
    return (closer.sum() / comparison.negative.sum().clamp(min=1)).detach()
