"""Pixels as features: what any representation has to beat."""

import numpy as np
from sklearn.decomposition import PCA
from torch import nn

LARGEST = 32  # pixels a side: features of larger images would need more memory than there is
COMPONENTS = 128


def all_pixels(image_size: int) -> nn.Module:
    """Maps images (B, C, H, W) of `image_size` pixels a side to their pixels (B, D); larger ones are averaged down."""
    if image_size <= LARGEST:
        return nn.Flatten()
    return nn.Sequential(nn.AdaptiveAvgPool2d(LARGEST), nn.Flatten())


def principal_components(pixels: np.ndarray) -> PCA:
    """The principal components of pixels (N, D) float32: `COMPONENTS`, or as many as there are pixels or images.

    Their `transform` maps pixels (M, D) to components in falling order of variance, not whitened.
    """
    return PCA(min(COMPONENTS, *pixels.shape), svd_solver="covariance_eigh").fit(pixels)
