"""Approximate nearest neighbours by inverted lists, for more images than an exact search can take."""

import faiss
import numpy as np

RECALL = 0.95  # of the exact neighbours that shall be found
PROBES = 4  # lists looked through at first
TRAINING = 64  # vectors a list from which its centre is learned
ITERATIONS = 5
ADDED = 65536  # vectors at a time


class InvertedLists:
    """Vectors in lists by their nearest of 4 sqrt(N) centres; a search looks through the lists nearest to the query.

    Centres are learned from vectors drawn with a fixed seed, so equal vectors give equal lists.

    Args:
        vectors: (N, D) float32, finite, of length 1.
        threads: CPU threads of learning and searching.
    """

    def __init__(self, vectors: np.ndarray, threads: int):
        faiss.omp_set_num_threads(threads)
        n, dimension = vectors.shape
        self._index = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(dimension), dimension, max(1, min(n, round(4 * n**0.5))), faiss.METRIC_INNER_PRODUCT
        )
        self._index.cp.max_points_per_centroid, self._index.cp.min_points_per_centroid = TRAINING, 1
        self._index.cp.niter, self._index.nprobe = ITERATIONS, PROBES
        self._index.train(vectors)
        for start in range(0, n, ADDED):
            self._index.add(vectors[start : start + ADDED])

    def probe_enough(self, queries: np.ndarray, exact: np.ndarray) -> float:
        """Look through half as many lists again at a time until the recall of `exact` (A, k) is at least `RECALL`.

        Returns:
            The recall, 0 to 1: share of the exact neighbours that are found.
        """
        while True:
            _, found = self.nearest(queries, exact.shape[1])
            recall = float(np.mean([np.isin(*pair).mean() for pair in zip(exact, found, strict=True)]))
            if recall >= RECALL or self._index.nprobe >= self._index.nlist:
                return recall
            self._index.nprobe = min(self._index.nprobe * 3 // 2, self._index.nlist)

    def nearest(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Similarities (A, k), falling, and row numbers (A, k), equally similar ones by row; -1 where none is found."""
        similarity, index = self._index.search(queries, min(k, self._index.ntotal))
        similarity[index < 0] = -np.inf
        order = np.lexsort((index, -similarity), axis=1)
        return np.take_along_axis(similarity, order, 1), np.take_along_axis(index, order, 1)
