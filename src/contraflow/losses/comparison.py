"""What every loss with negatives starts from: anchors beside the keys that they are compared with.

A loss builds a comparison, a policy for negatives changes it (`selection`, `false_negatives`, `mixing`, `weighting`),
and a function such as `softmax_loss`, which NT-Xent, InfoNCE, SupCon and NNCLR have in common, turns it into a number.
Because all policies take and give a comparison, each composes with each and with every such loss.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

EMPTY = -1  # sample index of a place in a queue or bank that holds nothing yet


@dataclass(frozen=True)
class Comparison:
    """A anchors and M keys of D numbers.

    Attributes:
        anchors: Shape (A, D).
        keys: Shape (M, D).
        anchor_index: Sample index of each anchor's image, (A,) int64.
        key_index: The same of each key, (M,); EMPTY marks a place without a key.
        similarity: Shape (A, M); mixing adds columns, which have no row in `keys`.
        positive: Bool like `similarity`: what an anchor is to be found among.
        negative: Bool like `similarity`: what it is to be told from. What is neither takes no part.
        weight: Added to the logits of the negatives, broadcast to `similarity`; None for nothing.
        anchor_weight: Factor on each anchor's loss, (A,); None for 1.
    """

    anchors: Tensor
    keys: Tensor
    anchor_index: Tensor
    key_index: Tensor
    similarity: Tensor
    positive: Tensor
    negative: Tensor
    weight: Tensor | None = None
    anchor_weight: Tensor | None = None


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


SIMILARITIES = {"cosine": cosine, "dot": dot, "euclidean": euclidean}  # as `loss.similarity` names them
Policy = Callable[[Comparison, float | Tensor], Comparison]
AreKin = Callable[[Tensor, Tensor], Tensor]  # of sample indices (A,) and (M,): bool (A, M), who shows the same thing


def unchanged(comparison: Comparison, tau: float | Tensor) -> Comparison:
    """The policy that takes all negatives as they are."""
    return comparison


def same_image(anchor_index: Tensor, key_index: Tensor) -> Tensor:
    """The kinship where no two images show the same thing."""
    return anchor_index[:, None] == key_index


def compare(
    anchors: Tensor,
    keys: Tensor,
    *,
    anchor_index: Tensor,
    key_index: Tensor,
    positive: Tensor,
    similarity: str = "cosine",
    kin: AreKin = same_image,
) -> Comparison:
    """Compare each anchor with each key; keys that are not its kin are its negatives, unless they are its positives.

    The rule by sample index keeps an image's own key, and those of its kin, out of its negatives wherever they lie: in
    the batch, in a queue from an earlier step, in a bank.
    """
    with torch.autocast(anchors.device.type, enabled=False):
        anchors, keys = exact(anchors), exact(keys)
        other = ~kin(anchor_index, key_index) & (key_index != EMPTY)
        similarities = SIMILARITIES[similarity](anchors, keys)
        return Comparison(anchors, keys, anchor_index, key_index, similarities, positive, other & ~positive)


def in_batch(
    z: Tensor,
    index: Tensor | None = None,
    similarity: str = "cosine",
    others: tuple[Tensor, Tensor] | None = None,
    kin: AreKin = same_image,
) -> Comparison:
    """Compare all views of a batch with each other.

    Args:
        z: Embeddings (V, N, D) of V views, at least two, of N images. Each view's positives are all others of its kin.
        index: Sample index of the image in each view, (V, N), or (N,) where all views of a row show the same one; by
            default that, and all rows differ.
        similarity: One of `SIMILARITIES`.
        others: Further keys (K, D), which are positives of none, and the sample index of each, (K,).
    """
    views, n, _ = z.shape
    index = torch.arange(n, device=z.device) if index is None else index
    flat, anchor_index = z.flatten(0, 1), index.expand(views, n).flatten()
    positive = kin(anchor_index, anchor_index).fill_diagonal_(False)
    keys, key_index = flat, anchor_index
    if others is not None:
        keys, key_index = torch.cat([flat, others[0]]), torch.cat([anchor_index, others[1]])
        positive = F.pad(positive, (0, len(others[0])))
    return compare(
        flat, keys, anchor_index=anchor_index, key_index=key_index, positive=positive, similarity=similarity, kin=kin
    )


def positive_similarity(comparison: Comparison) -> Tensor:
    """Mean similarity of each anchor to its positives, (A, 1); not a number where there is none."""
    count = comparison.positive.sum(1, keepdim=True)
    return comparison.similarity.masked_fill(~comparison.positive, 0).sum(1, keepdim=True) / count


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
