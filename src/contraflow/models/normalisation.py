"""Images that are normalised by one mean and deviation, for a network that was trained on such of another."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, on the scale 0 to 1: an image p becomes (p - mean) / std."""

    mean: Sequence[float]
    std: Sequence[float]

    def over(self, channels: int) -> "Normalisation":
        """The same for so many channels: for one, of a network that takes three, the means over these."""
        if channels == len(self.mean):
            return self
        return Normalisation(*([sum(values) / len(values)] * channels for values in (self.mean, self.std)))


class Renormalised(nn.Module):
    """An encoder behind a fixed change of each channel: images x (N, C, H, W) to the features of x * scale + shift.

    A checkpoint keeps both. At first they are 1 and 0.
    """

    def __init__(self, encoder: nn.Module, channels: int):
        super().__init__()
        self.encoder, self.dimension = encoder, encoder.dimension
        self.register_buffer("scale", torch.ones(channels, 1, 1))
        self.register_buffer("shift", torch.zeros(channels, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.encoder(images * self.scale + self.shift)

    def turn(self, given: Normalisation, wanted: Normalisation) -> None:
        """Let images that are normalised as `given` reach the encoder normalised as `wanted`."""
        (m, s), (n, t) = _exact(given), _exact(wanted)
        self.scale.copy_((s / t).view_as(self.scale))
        self.shift.copy_(((m - n) / t).view_as(self.shift))


def reached(given: Normalisation, scale: Tensor, shift: Tensor) -> Normalisation:
    """How images are normalised that were so as `given`, behind scale and shift (C, 1, 1)."""
    (m, s), (a, b) = _exact(given), (each.double().flatten().cpu() for each in (scale, shift))
    return Normalisation((m - b * s / a).tolist(), (s / a).tolist())


def _exact(of: Normalisation) -> tuple[Tensor, Tensor]:
    return tuple(torch.tensor(list(values), dtype=torch.float64) for values in (of.mean, of.std))
