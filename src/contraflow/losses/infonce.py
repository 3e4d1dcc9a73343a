"""InfoNCE with stored keys (van den Oord et al. 2018; He et al. 2020, "Momentum Contrast", equation 1)."""

from typing import NamedTuple

import torch
from torch import Tensor

from contraflow.losses.comparison import EMPTY, AreKin, Policy, compare, same_image, softmax_loss, unchanged
from contraflow.losses.ntxent import require_pair


class Stored(NamedTuple):
    """Keys (K, D) that serve as negatives, and the sample index (K,) of each; EMPTY where there is none."""

    keys: Tensor
    index: Tensor


def info_nce(
    query: Tensor,
    key: Tensor,
    stored: Stored,
    tau: float | Tensor,
    *,
    index: Tensor | None = None,
    similarity: str = "cosine",
    negatives: Policy = unchanged,
    kin: AreKin = same_image,
) -> Tensor:
    """Mean cross-entropy of finding each query's key among that key and all stored keys but those of its kin.

    Args:
        query: Anchors, shape (N, D).
        key: Their positives, shape (N, D), row by row; a row's key is no other row's negative.
        stored: The negatives: MoCo's queue, slots of a memory bank, or the batch's own keys.
        index: Sample indices of the queries, (N,); by default none of them is among the stored.

    The other arguments and the errors are those of `ntxent`.

    Returns:
        A scalar; log(K + 1) when all embeddings are equal and all K places hold a key of another image.
    """
    require_pair("info_nce", query, key)
    n, k = len(query), len(stored.keys)
    absent = torch.full((n,), EMPTY, device=query.device)
    comparison = compare(
        query,
        torch.cat([key, stored.keys.to(key.dtype)]),
        anchor_index=absent - 1 if index is None else index,
        key_index=torch.cat([absent, stored.index]),
        positive=torch.eye(n, n + k, dtype=torch.bool, device=query.device),
        similarity=similarity,
        kin=kin,
    )
    return softmax_loss(comparison, tau, negatives)
