"""The losses of images beside their texts, which find each other: who belongs to whom, among all pairs of a batch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.losses.comparison import AreKin, Comparison, Policy, compare, same_image, softmax_loss, unchanged
from contraflow.losses.ntxent import require_pair


def both_ways(
    images: Tensor,
    texts: Tensor,
    *,
    batch: int | None = None,
    index: Tensor | None = None,
    tokens: Tensor | None = None,
    kin: AreKin = same_image,
) -> tuple[Comparison, Comparison]:
    """Compare each image of a batch with all texts, and each of its texts with all images, by cosines.

    An image and its text are positives. Negatives are all others but those of kin and of whom the same is said: what
    cannot be told apart is not to be.

    Args:
        images: Embeddings, shape (M, D), of the N images of the batch and then of those that come along, as negatives
            alone.
        texts: Those of their texts, row by row, shape (M, D).
        batch: N; all M by default.
        index: Sample indices of the images, (M,); by default no two are equal.
        tokens: Of the texts, (M, T); by default all differ.

    Returns:
        Images as anchors and texts as keys, and the reverse, (N, M) each.

    Raises:
        ValueError: the shapes differ or are not two-dimensional.
    """
    require_pair("both_ways", images, texts)
    n, m = len(images) if batch is None else batch, len(images)
    index = torch.arange(m, device=images.device) if index is None else index

    def are_kin(anchor_index: Tensor, key_index: Tensor) -> Tensor:
        by_index = kin(anchor_index, key_index)
        return by_index if tokens is None else by_index | (tokens[:n, None] == tokens).all(2)

    def way(anchors: Tensor, keys: Tensor) -> Comparison:
        own = torch.eye(n, m, dtype=torch.bool, device=keys.device)
        return compare(anchors[:n], keys, anchor_index=index[:n], key_index=index, positive=own, kin=are_kin)

    return way(images, texts), way(texts, images)


def clip(images: Tensor, texts: Tensor, tau: float | Tensor, *, negatives: Policy = unchanged, **compared) -> Tensor:
    """Mean cross-entropy of finding each image's text among the texts, and each text's image among the images.

    Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", figure 3, where each
    row's negatives are all others. Logits are cosines over `tau`, computed in float32 whatever the inputs' precision.

    Args:
        images, texts, compared: As for `both_ways`.
        tau: Temperature, greater than 0.
        negatives: Policy for the negatives, of each way by itself.

    Returns:
        A scalar, at least 0; log(N) when all N embeddings of images and of texts are equal.
    """
    ways = both_ways(images, texts, **compared)
    return sum(softmax_loss(way, tau, negatives) for way in ways) / 2


def siglip(
    images: Tensor,
    texts: Tensor,
    tau: float | Tensor,
    bias: float | Tensor,
    *,
    negatives: Policy = unchanged,
    **compared,
) -> Tensor:
    """Of all pairs, whether the text is the image's own: -log sigmoid(+-logit), summed over pairs, over N.

    Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training", algorithm 1, where each row's negatives are all
    others. Logits are cosines over `tau`, plus the bias. The mean of the sum over the negatives of the images and of
    that over those of the texts, which a policy may choose apart; the other arguments are those of `clip`.

    Returns:
        A scalar, at least 0; N log 2 when all logits are 0.
    """
    ways = both_ways(images, texts, **compared)
    return sum(_sigmoid_loss(negatives(way, tau), tau, bias) for way in ways) / 2


def _sigmoid_loss(comparison: Comparison, tau: float | Tensor, bias: float | Tensor) -> Tensor:
    logits = comparison.similarity / tau + bias
    found = F.logsigmoid(logits).masked_fill(~comparison.positive, 0)
    told = F.logsigmoid(-logits).masked_fill(~comparison.negative, 0)
    return -(found + told).sum() / len(logits)
