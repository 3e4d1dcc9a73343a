"""What a random order is expected to get in a search, exactly."""

from collections.abc import Sequence

import numpy as np


def of_first(right: np.ndarray, candidates: int, ks: Sequence[int]) -> dict[str, float]:
    """Of the first right one: `recall@k` of each k, and `mrr`, means over queries.

    Of K candidates, m of them right, none is among the first k in the share (K-m)!(K-k)! / K!(K-m-k)! of all orders.

    Args:
        right: How many are right for each query, (Q,), at least 1.
        candidates: How many there are.
    """
    each, weight = _shares(right)
    missed = np.zeros((len(each), candidates + 1))  # by number of right ones and k
    missed[:, 0] = 1
    for k in range(candidates):
        missed[:, k + 1] = missed[:, k] * np.maximum(0, candidates - each - k) / (candidates - k)
    first = missed[:, :-1] - missed[:, 1:]  # the first right one stands at k
    found = {f"recall@{k}": float(weight @ (1 - missed[:, min(k, candidates)])) for k in ks}
    return found | {"mrr": float(weight @ (first @ (1 / np.arange(1, candidates + 1))))}


def of_all(right: np.ndarray, candidates: int) -> dict[str, float]:
    """Of all right ones: `r_precision` and `map@r`, as `of_first`.

    With m right ones of K a rank holds one with the probability m / K, and where it does, each rank before it with
    (m-1) / (K-1).
    """
    each, weight = _shares(right)
    first, other = each / candidates, (each - 1) / max(1, candidates - 1)
    ranks = [np.arange(1, m + 1) for m in each.tolist()]
    precision = np.array([((1 + (rank - 1) * q) / rank).mean() for rank, q in zip(ranks, other, strict=True)])
    return {"r_precision": float(weight @ first), "map@r": float(weight @ (first * precision))}


def _shares(right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many right ones there are for a query, and for which share of the queries there are so many."""
    each, counts = np.unique(right, return_counts=True)
    return each, counts / counts.sum()
