"""Whitening: the last layer of an encoder, which evens out how much its features vary in one direction and another.

What an encoder learns varies most along a few directions, and these then decide every cosine, the finer ones hardly
any. Whitened by half, features are nearer to what is like them, and a probe on few labels loses nothing by it.

Sources: Jégou & Chum 2012, "Negative Evidences and Co-occurences in Image Retrieval: The Benefit of PCA and Whitening";
of texts Su et al. 2021, "Whitening Sentence Representations for Better Semantics and Faster Retrieval".
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.foundations.arrays import drawn
from contraflow.foundations.threads import one_thread
from contraflow.models.embed import embed, require_finite

MOST = 10_000  # training items that it is found on
ROUNDING = 1e-6  # share of the largest variance below which there is nothing but rounding


class Whitened(nn.Module):
    """An encoder with its whitening behind it: items to whitened features (N, D)."""

    def __init__(self, encoder: nn.Module, whitening: nn.Linear | None = None):
        super().__init__()
        self.encoder, self.dimension = encoder, encoder.dimension
        self.whitening = whitening or _layer(self.dimension)

    def forward(self, items: Tensor) -> Tensor:
        return self.whitening(self.encoder(items))


def bare(encoder: nn.Module) -> nn.Module:
    """The encoder without its whitening."""
    return encoder.encoder if isinstance(encoder, Whitened) else encoder


def found_on(training: np.ndarray) -> np.ndarray:
    """Which of the training items, by their indices, whitening is found on: the same in every run."""
    return drawn(training, MOST)


def find_whitening(
    encoder: nn.Module, share: float, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device, source: str
) -> nn.Linear:
    """The whitening by a share of an encoder's features of some items; see `whitening_of`.

    Args:
        batches: As `embed` takes them.
        source: What to name where features are not finite.

    Raises:
        UserError: some are NaN or infinite.
    """
    features, _ = embed(encoder, batches, device)
    require_finite(features, source)
    return whitening_of(features, share).to(device)


def whitening_of(features: np.ndarray, share: float) -> nn.Linear:
    """The layer that maps a feature vector x to C^(-share/2) (x - m), with mean m and covariance C of `features`.

    The power is the symmetric one, so that axes stay where they are ("ZCA"). C is Ledoit and Wolf's estimate (2004, "A
    well-conditioned estimator for large-dimensional covariance matrices"): directions along which a few items hardly
    vary by chance are not blown up. A feature that does not vary at all has no part in it: only its mean is taken away,
    so that it stays 0 to the last bit, and a probe that standardises features finds no rounding in it.

    Args:
        features: Shape (N, D), finite.
        share: 0, where only the mean is taken away, to 1, after which all directions vary alike.
    """
    from sklearn.covariance import ledoit_wolf  # half a second, which whoever only loads an encoder need not wait

    x = features.astype(np.float64)
    mean, matrix = x.mean(0), np.eye(x.shape[1])
    vary = np.ptp(x, axis=0) > 0
    if vary.any():
        with one_thread():
            variance, axes = np.linalg.eigh(ledoit_wolf(x[:, vary])[0])
            power = np.maximum(variance, ROUNDING * variance[-1]) ** (-share / 2)
            matrix[np.ix_(vary, vary)] = (axes * power) @ axes.T
    layer = _layer(len(mean))
    layer.weight.copy_(torch.from_numpy(matrix))
    layer.bias.copy_(torch.from_numpy(-matrix @ mean))
    return layer


def applied(whitening: nn.Linear, features: np.ndarray) -> np.ndarray:
    """Features (N, D) float32, whitened."""
    with torch.inference_mode():
        return whitening(torch.from_numpy(features)).numpy()


def _layer(dimension: int) -> nn.Linear:
    return nn.utils.skip_init(nn.Linear, dimension, dimension).requires_grad_(False)
