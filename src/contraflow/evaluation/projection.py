"""Positions in a plane by t-SNE (van der Maaten & Hinton 2008, "Visualizing Data using t-SNE")."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from contraflow.foundations.arrays import drawn

PERPLEXITY = 30
COMPONENTS = 50  # principal components that go into t-SNE
ANGLE = 0.7  # of the tree's approximation: a third faster than 0.5, and as many neighbours stay together
FEWEST = 5  # points


@dataclass(frozen=True)
class Projection:
    """Some images in a plane.

    Attributes:
        image: Which they are, int64 (n,), sorted.
        position: Where they lie, float32 (n, 2).
    """

    image: np.ndarray
    position: np.ndarray


def project(features: np.ndarray, most: int) -> Projection:
    """Up to `most` images by their features (N, d), compared by direction, as the k-NN compares them.

    None at all where there is nothing to draw: fewer than five images, features that are not numbers or are all equal.
    One thread, since several add up in no fixed order and every run should draw the same map.
    """
    from sklearn.decomposition import PCA  # half a second, which whoever only reads a projection need not wait
    from sklearn.manifold import TSNE

    chosen = drawn(np.arange(len(features)), most)
    features = features[chosen]
    nothing = Projection(chosen[:0], np.empty((0, 2), np.float32))
    if len(features) < FEWEST or not np.isfinite(features).all():
        return nothing
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    if np.allclose(unit, unit[0], atol=1e-6):
        return nothing
    components = min(COMPONENTS, *unit.shape)
    tsne = TSNE(perplexity=min(PERPLEXITY, (len(unit) - 1) / 3), angle=ANGLE, init="pca", random_state=0)
    with threadpool_limits(limits=1):
        return Projection(chosen, tsne.fit_transform(PCA(components, svd_solver="full").fit_transform(unit)))
