"""Vectors among which neighbours are searched.

`faiss.knn` (1.15.1) was measured beside it: 10,000 queries among 10,000 to 60,000 features of 128 or 784 dimensions,
the 20 to 257 nearest, two cores. It took 0.82 to 0.94 of the time, but its results have no defined order and bits: with
one thread instead of two 51 to 69 % of the rows had other similarities and up to 3 % other neighbours; of 2,000 rows
with equal similarities at the cut it had the lower indices in 1 to 7 %. `python -m benchmarks.libraries` compares anew.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from contraflow.neighbours.greatest import Greatest, Ranked

CPU = torch.device("cpu")
# A block of 256 by 4096 similarities, 4 MB, is still in a core's caches when its greatest are looked for.
QUERY_ROWS = 256
BANK_ROWS = 4096
# Matrix products with fewer rows may take another path in the library, which rounds differently.
FEWEST_ROWS = 128


class Bank:
    """Vectors of length 1 (or of zeros) among which neighbours are searched.

    On a CPU they are read where they lie, which may be a mapped file, and each of torch's threads searches for some of
    the queries, alone: threads that multiply together would wait for each other. A GPU holds a copy. The result
    depends neither on the threads nor on the rows taken at a time, which bound the memory beyond that: 4 bytes for
    each pair and thread.

    Args:
        vectors: Shape (M, D) float32, M at least 1.
        device: Where to compute.
        query_rows: Queries taken at a time, at most.
        bank_rows: Vectors of the bank taken at a time.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        *,
        device: torch.device = CPU,
        query_rows: int = QUERY_ROWS,
        bank_rows: int = BANK_ROWS,
    ):
        self.device, self.query_rows, self.bank_rows, self.size = device, query_rows, bank_rows, len(vectors)
        starts = range(0, self.size, bank_rows)
        self._tiles = [(start, _on(vectors[start : start + bank_rows], device)) for start in starts]
        self._kind = Greatest if device.type == "cpu" else Ranked

    def nearest(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The `k` vectors that are most similar to each query, by cosine in float32; exact.

        Of equally similar vectors the one with the lower index comes first. A vector of zeros has similarity 0 to all.

        Args:
            queries: Shape (N, D) float32, of length 1 or zeros.
            k: At least 1; more than M means M.

        Returns:
            Similarities (N, k) float32, falling, and indices into the bank (N, k) int64.
        """
        k = min(k, self.size)
        similarity = np.empty((len(queries), k), np.float32)
        index = np.empty((len(queries), k), np.int64)

        def search(rows: slice) -> None:
            best = self._kind(rows.stop - rows.start, k)
            for offset, width, product in self._products(_on(queries[rows], self.device)):
                best.add(product, width, offset)
            similarity[rows], index[rows] = best.ranked()

        self._in_parts(len(queries), search)
        return similarity, index

    def compare(self, queries: np.ndarray, use: Callable[[slice, np.ndarray], None]) -> None:
        """Call `use` for some of the queries (N, D) at a time, with the slice of these B and their similarities (B, M)
        to all vectors, which have the bits that `nearest` goes by; several threads call it.
        """

        def look(rows: slice) -> None:
            similarity = np.empty((rows.stop - rows.start, self.size), np.float32)
            for offset, width, product in self._products(_on(queries[rows], self.device)):
                similarity[:, offset : offset + width] = product[: len(similarity), :width].cpu().numpy()
            use(rows, similarity)

        self._in_parts(len(queries), look)

    def _in_parts(self, count: int, work: Callable[[slice], None]) -> None:
        """Do the work for so many queries, at most `query_rows` at a time, each of torch's threads alone."""
        threads = torch.get_num_threads()
        workers = threads if self.device.type == "cpu" else 1
        each = min(self.query_rows, -(-count // workers))
        parts = [slice(start, min(start + each, count)) for start in range(0, count, each or 1)]
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for done in [pool.submit(work, rows) for rows in parts]:
                done.result()
        torch.set_num_threads(threads)  # threads that start later take the number that was set last

    def _products(self, query: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """For each tile the index of its first vector, how many it has, and the similarities (B, M) to them, M at least
        so many; the next takes their place in memory."""
        memory = query.new_empty(len(query) * max(FEWEST_ROWS, min(self.bank_rows, self.size)))
        for offset, tile in self._tiles:
            product = memory[: len(query) * len(tile)].view(len(query), len(tile))
            yield offset, min(self.bank_rows, self.size - offset), torch.mm(query, tile.T, out=product)


def nearest(queries: np.ndarray, bank: np.ndarray, k: int, **settings) -> tuple[np.ndarray, np.ndarray]:
    """`Bank.nearest` for finite vectors of any length, in a bank (M, D) of its own, with its settings `device`,
    `query_rows` and `bank_rows`."""
    return Bank(unit(bank), **settings).nearest(unit(queries), k)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, D) as float32 of length 1; zeros stay zeros."""
    return functional.normalize(torch.from_numpy(np.ascontiguousarray(vectors, np.float32))).numpy()


def _on(vectors: np.ndarray, device: torch.device) -> Tensor:
    """On a device, with rows of zeros below where there are few."""
    vectors = torch.from_numpy(vectors).to(device)
    few = FEWEST_ROWS - len(vectors)
    return functional.pad(vectors, (0, 0, 0, few)) if few > 0 else vectors
