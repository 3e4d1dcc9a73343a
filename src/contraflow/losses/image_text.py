"""The losses of images beside their texts: who belongs to whom, among all pairs of a batch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.losses.comparison import cosine, exact
from contraflow.losses.ntxent import require_pair


def clip(images: Tensor, texts: Tensor, scale: float | Tensor) -> Tensor:
    """Mean cross-entropy of finding each image's text among all texts, and each text's image among all images.

    Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", figure 3. Logits are
    cosines times the scale, computed in float32 whatever the inputs' precision.

    Args:
        images: Embeddings, shape (N, D); they need not be normalised.
        texts: Those of their texts, row by row, shape (N, D).
        scale: Greater than 0; one over a temperature.

    Returns:
        A scalar, at least 0; log(N) when all embeddings are equal.

    Raises:
        ValueError: the shapes differ or are not two-dimensional.
    """
    logits = _cosines("clip", images, texts) * scale
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def siglip(images: Tensor, texts: Tensor, scale: float | Tensor, bias: float | Tensor) -> Tensor:
    """Of all N x N pairs, whether the text is the image's own: -log sigmoid(+-logit), summed over pairs, over N.

    Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training", algorithm 1. Logits are cosines times the scale
    plus the bias; the other arguments and the errors are those of `clip`.

    Returns:
        A scalar, at least 0; N log 2 when all logits are 0.
    """
    logits = _cosines("siglip", images, texts) * scale + bias
    sign = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1
    return -F.logsigmoid(sign * logits).sum() / len(logits)


def _cosines(name: str, images: Tensor, texts: Tensor) -> Tensor:
    require_pair(name, images, texts)
    with torch.autocast(images.device.type, enabled=False):
        return cosine(exact(images), exact(texts))
