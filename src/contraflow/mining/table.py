"""A table of mined negatives: what it says of itself, and the batches in which anchors meet their negatives.

Apart from the search, which takes seconds to import.
"""

import numpy as np

from contraflow.foundations.record import Provenance


class MiningPass(Provenance):
    """What the table says of itself.

    Attributes:
        search: `exact` or `ivf`.
        recall: As in `contraflow.mining.negatives.MinedNegatives`.
        shard: Which of how many shards the table is of; None where it is of all images.
    """

    search: str
    recall: float
    shard: list[int] | None = None


def order_with_negatives(anchor: np.ndarray, negative: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
    """An order of all images in which each is followed by its hard negatives, as far as they are still free.

    Cut into batches of any size, every image appears once in the epoch, and an in-batch loss meets the mined negatives
    without a single additional forward pass.

    Args:
        anchor: (N,) the images.
        negative: (N, k) the negatives of each, all of them among `anchor`.
        seed: With `epoch`, what the order depends on.

    Returns:
        (N,) a permutation of `anchor`.
    """
    n = len(anchor)
    row_of = np.zeros(anchor.max() + 1, np.int64)
    row_of[anchor] = np.arange(n)
    rows = row_of[negative].tolist()
    free = [True] * n
    order = []
    for first in np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(n).tolist():
        if not free[first]:
            continue
        free[first] = False
        order.append(first)
        for other in rows[first]:
            if free[other]:
                free[other] = False
                order.append(other)
    return anchor[np.array(order)]
