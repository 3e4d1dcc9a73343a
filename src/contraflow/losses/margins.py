"""The losses with a margin in the place of a softmax: of pairs, and of triplets."""

import torch
from torch import Tensor

from contraflow.devices import send
from contraflow.losses.comparison import Comparison, positive_similarity

CHOICES = ("random", "semi_hard", "hardest")


def margin_pairs(comparison: Comparison, margin: float, similarity: str) -> Tensor:
    """Mean of d^2 over all positive pairs plus mean of max(0, margin - d)^2 over all negative pairs.

    Hadsell, Chopra, LeCun 2006, "Dimensionality Reduction by Learning an Invariant Mapping", equation 4, without its
    factor 1/2. The two means make the many negative pairs weigh as much as the few positive ones.

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


def triplet(comparison: Comparison, margin: float, choice: str) -> Tensor:
    """Mean over anchors of max(0, s_n - s_p + margin), s_n the similarity to one negative, s_p to the positive.

    With the negative Euclidean distance as similarity this is the loss of Schroff et al. 2015, "FaceNet", section 3, in
    distances without squares.

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
        order = send(torch.rand(order.shape), order.device)
    chosen = order.masked_fill(~candidates, float("-inf")).argmax(1, keepdim=True)
    loss = (comparison.similarity.gather(1, chosen) - positive + margin).relu()
    return _mean(loss, candidates.any(1, keepdim=True))


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return values.masked_fill(~where, 0).sum() / where.sum().clamp(min=1)
