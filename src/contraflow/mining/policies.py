"""Policies: which of the other images become an anchor's hard negatives.

Labels never enter: an image of the anchor's own class is a *false negative*, and can only be suspected. The nearest
images are the likeliest to be of the same class, so a share of them is left out before any are kept (the inner bound of
Ring's band, Wu et al. 2021, "Conditional Negative Sampling for Contrastive Learning of Visual Representations").
"""

from dataclasses import dataclass

import numpy as np

from contraflow.errors import UserError
from contraflow.mining.neighbours import nearest


@dataclass(frozen=True)
class Negatives:
    """Hard negatives of every image, as row numbers into the features that they were mined from.

    `negative`, `similarity` and `rank` have shape (N, k); rank 1 is the nearest other image. `left_out` is the number
    of nearest images that were left out for each anchor as suspected false negatives.
    """

    negative: np.ndarray
    similarity: np.ndarray
    rank: np.ndarray
    left_out: int


def hardest(features: np.ndarray, *, k: int, false_negatives: float, threads: int) -> Negatives:
    """The `k` nearest others of each row of `features` (N, D) that are not suspected false negatives.

    Args:
        k: Negatives kept for each image.
        false_negatives: Share of the images, the nearest to each anchor, that are left out.
        threads: CPU threads of the search.

    Raises:
        UserError: fewer than `k` other images are left.
    """
    n = len(features)
    left_out = round(false_negatives * n)
    if n - 1 - left_out < k:
        raise UserError(
            f"mining.k must be at most {max(n - 1 - left_out, 0)} here, got {k}: of {n} images, "
            f"mining.false_negatives leaves {left_out} out around each"
        )
    neighbour, similarity = nearest(features, left_out + k, threads)
    rank = np.broadcast_to(np.arange(left_out + 1, left_out + k + 1), (n, k))
    return Negatives(neighbour[:, left_out:], similarity[:, left_out:], rank, left_out)


POLICIES = {"hardest": hardest}
