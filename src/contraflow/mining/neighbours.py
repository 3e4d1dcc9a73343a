"""Exact nearest neighbours."""

import faiss
import numpy as np


def nearest(features: np.ndarray, k: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` other rows most similar to each row, by cosine.

    Args:
        features: (N, D) float32, need not be normalised.
        k: Neighbours wanted; where fewer than k others exist, all of them are returned.
        threads: CPU threads of the search.

    Returns:
        Row numbers (N, k) int64 and similarities (N, k) float32, most similar first, equal ones by row number.
    """
    n, dimension = features.shape
    k = min(k, n - 1)
    unit = np.ascontiguousarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12))
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(dimension)
    index.add(unit)
    similarity, neighbour = index.search(unit, k + 1)
    # a row's own number is in its list unless k + 1 duplicates precede it; the last entry is dropped then
    own = neighbour == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    neighbour, similarity = neighbour[~own].reshape(n, k), similarity[~own].reshape(n, k)
    order = np.lexsort((neighbour, -similarity), axis=1)
    return np.take_along_axis(neighbour, order, 1), np.take_along_axis(similarity, order, 1)
