"""A queue of keys from earlier steps."""

import torch
from torch import Tensor, nn

from contraflow.losses.comparison import EMPTY
from contraflow.losses.infonce import Stored


class Queue(nn.Module):
    """The last K keys (He et al. 2020, "Momentum Contrast", section 3.2), each with the index of its image.

    A ring that takes batches of any size. Keys, indices and position are buffers.
    """

    def __init__(self, length: int, dimension: int):
        super().__init__()
        self.register_buffer("keys", torch.zeros(length, dimension))
        self.register_buffer("index", torch.full((length,), EMPTY))
        self.register_buffer("position", torch.zeros((), dtype=torch.long))

    @property
    def stored(self) -> Stored:
        return Stored(self.keys, self.index)

    @torch.no_grad()
    def push(self, keys: Tensor, index: Tensor) -> None:
        """Put keys (N, D) of images `index` (N,) in the place of the oldest."""
        length = len(self.keys)
        keys, index = keys[-length:], index[-length:]
        places = (self.position + torch.arange(len(keys), device=keys.device)) % length
        self.keys[places] = keys.to(self.keys.dtype)
        self.index[places] = index
        self.position.add_(len(keys)).remainder_(length)
