"""Pixels as features: what any representation has to beat."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from threadpoolctl import ThreadpoolController
from torch import nn

LARGEST = 32  # pixels a side: features of larger images would need more memory than there is
COMPONENTS = 128
ROUNDING = 1e-6  # share of the largest variance below which there is nothing but rounding


def all_pixels(image_size: int) -> nn.Module:
    """Maps images (B, C, H, W) of `image_size` pixels a side to their pixels (B, D); larger ones are averaged down."""
    if image_size <= LARGEST:
        return nn.Flatten()
    return nn.Sequential(nn.AdaptiveAvgPool2d(LARGEST), nn.Flatten())


def principal_components(pixels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The function that maps pixels (M, D) to principal components, in falling order of variance, not whitened.

    They are those of `pixels` (N, D) float32: `COMPONENTS`, or as many as vary by more than rounding, at least one.
    """
    from sklearn.decomposition import PCA  # half a second, which other representations need not wait for

    images, dimension = pixels.shape
    solver = "covariance_eigh" if images >= dimension else "full"  # by the smaller of both matrices
    with one_thread():
        found = PCA(min(COMPONENTS, images, dimension), svd_solver=solver).fit(pixels)
    vary = found.explained_variance_ > ROUNDING * found.explained_variance_[0]
    axes = found.components_[: max(1, vary.sum())].T

    def transform(others: np.ndarray) -> np.ndarray:
        with one_thread():
            return (others - found.mean_) @ axes

    return transform


def one_thread() -> AbstractContextManager:
    """OpenBLAS computes with one thread: its others would spin, and take half of torch's speed; and the last bits of a
    sum don't depend on how many there are.
    """
    return ThreadpoolController().select(internal_api="openblas").limit(limits=1)
