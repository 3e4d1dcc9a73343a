"""How the embeddings that a loss compares lie on the unit sphere, epoch by epoch.

Measured on the last images of each epoch as the training itself embedded them, which costs no pass of its own;
`contraflow.evaluation.geometry` measures alignment and uniformity (Wang & Isola 2020, "Understanding Contrastive
Representation Learning through Alignment and Uniformity on the Hypersphere") on whole sets.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from contraflow.losses.comparison import exact

MOST = 1024  # images


def alignment(z1: Tensor, z2: Tensor) -> Tensor:
    """Mean squared distance of two views (N, D) on the unit sphere: a scalar, 0 to 4."""
    return (F.normalize(exact(z1), dim=1) - F.normalize(exact(z2), dim=1)).square().sum(1).mean()


def uniformity(z: Tensor, t: float = 2.0) -> Tensor:
    """Log of the mean of exp(-t d^2) over all pairs of rows (N, D), N at least 2, on the unit sphere: 0 to -4 t."""
    squared = torch.pdist(F.normalize(exact(z), dim=1)).square()
    return (-t * squared).logsumexp(0) - math.log(len(squared))


class Recent:
    """The embeddings (2, N, D) of the last `MOST` images or some more, as whole batches."""

    def __init__(self) -> None:
        self._batches: list[Tensor] = []

    def add(self, z: Tensor) -> None:
        """Take in a batch (2, n, D), and let go of what is no longer needed."""
        self._batches.append(z.detach())
        while sum(batch.shape[1] for batch in self._batches[1:]) >= MOST:
            del self._batches[0]

    def diagnose(self) -> dict[str, float]:
        """The figures of what is kept, at least two images, as `diagnose` gives them."""
        return diagnose(torch.cat(self._batches, dim=1).cpu())


def diagnose(z: Tensor) -> dict[str, float]:
    """The figures of embeddings (2, N, D) of both views of N images, at least two.

    Returns:
        alignment: Mean squared distance of an image's two views, 0 to 4.
        uniformity: Log of the mean Gaussian potential of first views, 0 (one point) to -8; about -4 for an even spread.
        positive: Mean cosine of an image's two views, -1 to 1.
        hardest: Mean cosine of an image to the most similar other image, -1 to 1.
        rank: RankMe (Garrido et al. 2023, "RankMe: Assessing the Downstream Performance of Pretrained Self-Supervised
            Representations by Their Rank"): exp of the entropy of the singular values, 1 to the dimension.
        spread: Standard deviation of a dimension, averaged, times the root of their number: 0 (one point) to 1.
    """
    first, second = F.normalize(z.float(), dim=2)
    similarity, values = (first @ first.T).fill_diagonal_(-1), torch.linalg.svdvals(first)
    found = {
        "alignment": alignment(first, second),
        "uniformity": uniformity(first),
        "positive": (first * second).sum(1).mean(),
        "hardest": similarity.amax(1).mean(),
        "rank": torch.special.entr(values / values.sum()).sum().exp(),
        "spread": first.std(dim=0).mean() * first.shape[1] ** 0.5,
    }
    return {name: figure.item() for name, figure in found.items()}
