"""The contrastive loss with a margin (Hadsell, Chopra, LeCun 2006, "Dimensionality Reduction by Learning an Invariant
Mapping", equation 4, without its factor 1/2)."""

from torch import Tensor

from contraflow.losses.comparison import Comparison


def margin_pairs(comparison: Comparison, margin: float, similarity: str) -> Tensor:
    """Mean of d^2 over all positive pairs plus mean of max(0, margin - d)^2 over all negative pairs.

    The two means make the many negative pairs weigh as much as the few positive ones.

    Args:
        margin: Distance beyond which a negative is far enough; greater than 0.
        similarity: What the comparison holds: `cosine`, with d = 1 - cosine, or `euclidean`, with d the distance.

    Returns:
        A scalar, at least 0.

    Raises:
        ValueError: `similarity` is another: a dot product gives no distance.
    """
    if similarity not in ("cosine", "euclidean"):
        raise ValueError(f"margin_pairs needs cosine or euclidean, got {similarity!r}")
    distance = (1 if similarity == "cosine" else 0) - comparison.similarity
    pull = _mean(distance.square(), comparison.positive)
    push = _mean((margin - distance).relu().square(), comparison.negative)
    return pull + push


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return values.masked_fill(~where, 0).sum() / where.sum().clamp(min=1)
