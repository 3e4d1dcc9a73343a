"""Dropout (Srivastava et al. 2014) that is a function of a key: the same wherever, whenever and in whatever company."""

from dataclasses import dataclass

import torch
from torch import Tensor

NONE = 0  # the key of what is left whole
_STEP, _MIX1, _MIX2 = 0x9E3779B97F4A7C15 - 2**64, 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64
_NUMBERS, _BITS = 4, 16  # drawn from one output of the generator, and the bits of each


@dataclass(frozen=True)
class Dropout:
    """What the rows of a batch lose in a pass through a network.

    Attributes:
        keys: One for each row, (N,) int64; of a row with `NONE` everything is kept.
        share: Of the values, that are set to 0, to the next of 65,536 steps; the others are divided by what is left.
    """

    keys: Tensor
    share: float

    def __call__(self, x: Tensor, place: int, longest: int | None = None) -> Tensor:
        """Values x (N, ..., D) at a place of the network, from 0, of which each has a number of its own in its row.

        Output i of SplitMix64 (Steele, Lea, Flood 2014) from a row's key decides on four values beside each other.

        Args:
            longest: Where D is not always the same, what it is at most: the numbers are those that values have then.
        """
        dropped = round(self.share * 2**_BITS)
        if not dropped:
            return x
        length = x.shape[-1]
        lines, here, apart = x[0].numel() // length, *(-(-each // _NUMBERS) for each in (length, longest or length))
        slots = torch.arange(lines, device=x.device)[:, None] * apart + torch.arange(1, here + 1, device=x.device)
        drawn = _mix(self.keys[:, None, None] + _STEP * (slots + (place << 32)))
        numbers = drawn.view(torch.int16)[..., :length].view(x.shape)
        factor = (numbers >= dropped - 2 ** (_BITS - 1)) / (1 - dropped / 2**_BITS)
        whole = (self.keys == NONE).view(-1, *[1] * (x.ndim - 1))
        return x * factor.masked_fill(whole, 1).to(x.dtype)


def _mix(z: Tensor) -> Tensor:
    """SplitMix64's output function, of the bits of int64."""
    z = (z ^ _right(z, 30)) * _MIX1
    z = (z ^ _right(z, 27)) * _MIX2
    return z ^ _right(z, 31)


def _right(z: Tensor, bits: int) -> Tensor:
    """Shifted right as if it had no sign."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)
