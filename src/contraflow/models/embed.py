"""Features of many images."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.foundations.errors import UserError


def embed(
    encoder: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Features of every image, computed in evaluation mode and float32.

    Args:
        encoder: Maps (B, C, H, W) to (B, D), or rows of texts (B, 1 + T).
        batches: Pairs of such images, or rows, and labels (B,).
        device: Where to compute.

    Returns:
        In the order of `batches`, features (N, D) float32, not normalised, and labels (N,) int64.
    """
    encoder = encoder.to(device, memory_format=torch.channels_last).eval()
    features, labels = [], []
    for images, label in batches:
        layout = torch.channels_last if images.ndim == 4 else torch.preserve_format
        images = images.to(device, memory_format=layout, non_blocking=True)
        with torch.inference_mode():  # of the images alone: weights that were moved in it could not be trained on
            features.append(encoder(images).float().cpu().numpy())
        labels.append(label.numpy())
    return np.concatenate(features), np.concatenate(labels)


def require_finite(features: np.ndarray, source: str) -> None:
    """Refuse features (N, D) of a failed training.

    Raises:
        UserError: features of some item are NaN or infinite; names `source`, where they come from.
    """
    bad = int((~np.isfinite(features).all(axis=1)).sum())
    if bad:
        raise UserError(
            f"{source} gives NaN or infinite features for {bad} of {len(features)} items: "
            "its training has failed; lower train.lr or mining.lr and train again"
        )


def finite_features(
    encoder: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device, source: str
) -> Iterator[np.ndarray]:
    """Features (B, D) of each batch, as `embed` computes them.

    Raises:
        UserError: as `require_finite`.
    """
    for batch in batches:
        features, _ = embed(encoder, [batch], device)
        require_finite(features, source)
        yield features
