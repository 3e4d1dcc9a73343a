"""Pixels as features: what any representation has to beat."""

from collections.abc import Callable

import numpy as np
from torch import nn

from contraflow.foundations.threads import one_thread
from contraflow.models.whitening import ROUNDING

LARGEST = 32  # pixels a side: features of larger images would need more memory than there is
COMPONENTS = 128


def all_pixels(image_size: int) -> nn.Module:
    """Maps images (B, C, H, W) of `image_size` pixels a side to their pixels (B, D); larger ones are averaged down."""
    if image_size <= LARGEST:
        return nn.Flatten()
    return nn.Sequential(nn.AdaptiveAvgPool2d(LARGEST), nn.Flatten())


def principal_components(pixels: np.ndarray, whitened: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    """The function that maps pixels (M, D) to principal components, in falling order of variance.

    They are those of `pixels` (N, D) float32: `COMPONENTS`, or as many as vary by more than rounding, at least one.

    Args:
        whitened: As `whitening_of` has it: by this power of its standard deviation each is divided.
    """
    from sklearn.decomposition import PCA  # half a second, which other representations need not wait for

    images, dimension = pixels.shape
    solver = "covariance_eigh" if images >= dimension else "full"  # by the smaller of both matrices
    with one_thread():
        found = PCA(min(COMPONENTS, images, dimension), svd_solver=solver).fit(pixels)
    vary = found.explained_variance_ > ROUNDING * found.explained_variance_[0]
    kept = max(1, vary.sum())
    axes = found.components_[:kept].T
    if whitened and vary.any():
        axes = axes / found.explained_variance_[:kept] ** (whitened / 2)

    def transform(others: np.ndarray) -> np.ndarray:
        with one_thread():
            return (others - found.mean_) @ axes

    return transform
