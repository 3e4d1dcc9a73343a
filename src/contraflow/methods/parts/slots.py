"""A slot for each image: what it was embedded as when it was last seen."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Slots(nn.Module):
    """A unit vector for each image, which moves towards its embeddings each time the image is seen (Wu et al. 2018,
    "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", section 3).

    Args:
        vectors: Where they start, (images, D).
        keep: Share of its old slot that an image keeps, 0 to below 1.
    """

    def __init__(self, vectors: Tensor, keep: float):
        super().__init__()
        self.keep = keep
        self.register_buffer("vectors", F.normalize(vectors))

    @torch.no_grad()
    def refresh(self, index: Tensor, z: Tensor) -> None:
        """Move the slots of the images `index` (N,) towards their embeddings (V, N, D)."""
        seen = F.normalize(F.normalize(z.float(), dim=2).mean(0))
        self.vectors[index] = F.normalize(self.keep * self.vectors[index] + (1 - self.keep) * seen)


class MinedSlots(Slots):
    """The same, of which an image gets those of its mined negatives.

    Args:
        mined: Sample indices of the negatives of each image, (images, m) int64.
    """

    def __init__(self, vectors: Tensor, keep: float, mined: Tensor):
        super().__init__(vectors, keep)
        self.register_buffer("mined", mined, persistent=False)  # lies in the table of the round

    def of(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The slots (N m, D) of the negatives of the images `index` (N,), and the image of each slot."""
        mined = self.mined[index].flatten()
        return self.vectors[mined], mined
