"""Features of many images."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.foundations.errors import UserError


def embed(
    encoder: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Features of every image, as `embed_batches` computes them: (N, D) and labels (N,), in the order of `batches`."""
    features, labels = zip(*embed_batches(encoder, batches, device), strict=True)
    return np.concatenate(features), np.concatenate(labels)


def embed_batches(
    encoder: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Features of images a batch at a time, computed in evaluation mode and float32.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        batches: Pairs of images (B, C, H, W) and labels (B,).
        device: Where to compute.

    Returns:
        For each batch features (B, D) float32, not normalised, and labels (B,) int64.
    """
    encoder = encoder.to(device, memory_format=torch.channels_last).eval()
    for images, label in batches:
        images = images.to(device, memory_format=torch.channels_last, non_blocking=True)
        with torch.inference_mode():  # of the images alone: weights that were moved in it could not be trained on
            features = encoder(images).float().cpu().numpy()
        yield features, label.numpy()


def require_finite(features: np.ndarray, source: str) -> None:
    """Refuse features (N, D) of a failed training.

    Raises:
        UserError: features of some image are NaN or infinite; names `source`, where they come from.
    """
    bad = int((~np.isfinite(features).all(axis=1)).sum())
    if bad:
        raise UserError(
            f"{source} gives NaN or infinite features for {bad} of {len(features)} images: "
            "its training has failed; lower train.lr or mining.lr and train again"
        )


def finite_features(
    encoder: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device, source: str
) -> Iterator[np.ndarray]:
    """Features (B, D) of each batch, as `embed_batches` computes them.

    Raises:
        UserError: as `require_finite`.
    """
    for features, _ in embed_batches(encoder, batches, device):
        require_finite(features, source)
        yield features
