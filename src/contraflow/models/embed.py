"""Features of many images."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn


@torch.inference_mode()
def embed(
    encoder: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Features of every image, computed in evaluation mode and float32.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        batches: Pairs of images (B, C, H, W) and labels (B,).
        device: Where to compute.

    Returns:
        Features (N, D) float32, not normalised, and labels (N,) int64, in the order of `batches`.
    """
    encoder = encoder.to(device, memory_format=torch.channels_last).eval()
    features, labels = [], []
    for images, label in batches:
        images = images.to(device, memory_format=torch.channels_last, non_blocking=True)
        features.append(encoder(images).float().cpu())
        labels.append(label)
    return torch.cat(features).numpy(), torch.cat(labels).numpy()
