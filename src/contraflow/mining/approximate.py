"""Approximate nearest neighbours by inverted lists, for more images than an exact search can take."""

import tempfile
from pathlib import Path
from typing import BinaryIO

import faiss
import numpy as np

from contraflow.foundations.artefacts import writing

RECALL = 0.95  # of the exact neighbours that shall be found
PROBES = 4  # lists looked through at first
TRAINING = 64  # vectors a list from which its centre is learned
ITERATIONS = 5
ADDED = 65536  # vectors at a time


class InvertedLists:
    """Vectors in lists by their nearest of 4 sqrt(N) centres; a search looks through the lists nearest to the query.

    Centres are learned from vectors drawn with a fixed seed, so equal vectors give equal lists. These hold a copy of
    the vectors, which lies on a disk and is read where it lies, in a file that is gone with them or with the process.

    Args:
        vectors: (N, D) float32, finite, of length 1.
        threads: CPU threads of learning and searching.
        beside: The file on whose disk the lists lie; None takes the folder for temporary files.

    Raises:
        UserError: the disk is full or may not be written to.
    """

    def __init__(self, vectors: np.ndarray, threads: int, beside: Path | None = None):
        faiss.omp_set_num_threads(threads)
        n, dimension = vectors.shape
        self._index = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(dimension), dimension, max(1, min(n, round(4 * n**0.5))), faiss.METRIC_INNER_PRODUCT
        )
        self._index.cp.max_points_per_centroid, self._index.cp.min_points_per_centroid = TRAINING, 1
        self._index.cp.niter, self._index.nprobe = ITERATIONS, PROBES
        self._index.train(vectors)
        folder = Path(tempfile.gettempdir()) if beside is None else beside.parent
        with writing(folder if beside is None else beside), tempfile.TemporaryFile(dir=folder) as file:
            self._lists = self._written(vectors, file)
        self._index.replace_invlists(self._lists, False)
        self._index.ntotal = n

    def _written(self, vectors: np.ndarray, file: BinaryIO) -> faiss.OnDiskInvertedLists:
        """The lists, as faiss's own `add` would fill them, in a file: of each its vectors, then their numbers."""
        parts = (vectors[start : start + ADDED] for start in range(0, len(vectors), ADDED))
        own = np.concatenate([self._index.quantizer.assign(part, 1)[:, 0].astype(np.int32) for part in parts])
        ends = np.cumsum(np.bincount(own, minlength=self._index.nlist))
        lists = faiss.OnDiskInvertedLists()
        lists.nlist, lists.code_size, lists.prefetch_nthread = self._index.nlist, self._index.code_size, 0
        for rows in np.split(np.argsort(own, kind="stable"), ends[:-1]):
            place = faiss.OnDiskOneList()
            place.size, place.capacity, place.offset = len(rows), len(rows), file.tell()
            lists.lists.push_back(place)
            file.write(vectors[rows].tobytes())
            file.write(rows.tobytes())
        file.flush()
        lists.totsize, lists.read_only = file.tell(), True
        lists.filename = f"/proc/self/fd/{file.fileno()}"  # the file has no name, and stays mapped when it is closed
        lists.do_mmap()
        return lists

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
