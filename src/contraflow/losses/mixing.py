"""Synthetic hard negatives (Kalantidis et al. 2020, "Hard Negative Mixing for Contrastive Learning")."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.devices import send
from contraflow.losses.comparison import Comparison
from contraflow.losses.selection import ranks


def mix(comparison: Comparison, *, hardest: int, pairs: int, with_anchor: int) -> Comparison:
    """Give each anchor further negatives, mixed on the unit sphere from its `hardest` most similar ones.

    The first `pairs` lie between two of these, at a share drawn from 0 to 1; the next `with_anchor` between one of
    these and the anchor, whose share is drawn from 0 to 1/2. No gradient enters what is mixed. Draws come from torch's
    CPU generator. An anchor without negatives gets none.

    Args:
        comparison: Similarities are cosines.
    """
    count = comparison.negative.sum(1, keepdim=True)
    order = ranks(comparison).argsort(dim=1)  # columns, the most similar negative first
    keys, anchors = F.normalize(comparison.keys, dim=1).detach(), F.normalize(comparison.anchors, dim=1)

    def draw(number: int) -> Tensor:
        place = _uniform(len(order), number, like=keys) * count.clamp(min=1, max=hardest)
        return keys[order.gather(1, place.long())]  # (A, number, D)

    share = _uniform(len(order), pairs, 1, like=keys)
    between = share * draw(pairs) + (1 - share) * draw(pairs)
    share = _uniform(len(order), with_anchor, 1, like=keys) / 2
    towards = share * anchors.detach()[:, None] + (1 - share) * draw(with_anchor)
    mixed = F.normalize(torch.cat([between, towards], dim=1), dim=2)
    with torch.autocast(mixed.device.type, enabled=False):
        similarity = torch.einsum("ad,asd->as", anchors, mixed)
    return replace(
        comparison,
        similarity=torch.cat([comparison.similarity, similarity], 1),
        positive=torch.cat([comparison.positive, torch.zeros_like(similarity, dtype=torch.bool)], 1),
        negative=torch.cat([comparison.negative, (count > 0).expand_as(similarity)], 1),
    )


def _uniform(*shape: int, like: Tensor) -> Tensor:
    return send(torch.rand(*shape), like.device).to(like.dtype)
