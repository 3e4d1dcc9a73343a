"""The greatest entries of rows that come in blocks, the lower column first among equals.

On a CPU a row that has its k keeps the least of them as a threshold, and of what comes later only the little that
exceeds it is looked at; on a GPU every block is ranked.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from contraflow.compiling import kernel, part

CHUNK = 64  # entries that are compared with the threshold at once


class Heaps:
    """The `k` greatest entries of each of `rows` rows, on a CPU.

    Blocks come from the left to the right, and have at least `k` columns in all.
    """

    def __init__(self, rows: int, k: int):
        self._values, self._columns = np.full((rows, k), -np.inf, np.float32), np.full((rows, k), -1, np.int64)
        threads = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(threads)
        cuts = [rows * i // threads for i in range(threads + 1)]
        self._parts = [slice(*cut) for cut in pairwise(cuts)]

    def add(self, block: Tensor, width: int, offset: int) -> None:
        """Take in a block, of which the first `rows` rows and `width` columns count, these from column `offset` on."""
        entries = block.numpy()
        self._in_parts(lambda values, columns, rows: keep_greatest(values, columns, entries[rows], width, offset))

    def ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """The greatest, falling, and their columns, (rows, k); nothing can be added any more."""
        self._in_parts(lambda values, columns, _: rank(values, columns))
        self._pool.shutdown()
        return self._values, self._columns

    def _in_parts(self, work: Callable[[np.ndarray, np.ndarray, slice], None]) -> None:
        """Rows do not depend on each other, so each thread takes some."""
        for done in [self._pool.submit(work, self._values[rows], self._columns[rows], rows) for rows in self._parts]:
            done.result()


class Ranked:
    """The same on any device, by sorting."""

    def __init__(self, rows: int, k: int):
        self._rows, self._k = rows, k
        self._best: tuple[Tensor, Tensor] | None = None

    def add(self, block: Tensor, width: int, offset: int) -> None:
        """As `Heaps.add`."""
        values, columns = top(block[: self._rows, :width], min(self._k, width))
        columns += offset
        if self._best is not None:  # what is there already has lower columns and wins among equals
            values, columns = torch.cat([self._best[0], values], 1), torch.cat([self._best[1], columns], 1)
            values, order = values.sort(dim=1, descending=True, stable=True)
            values, columns = values[:, : self._k], columns.gather(1, order[:, : self._k])
        self._best = values, columns

    def ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """As `Heaps.ranked`."""
        values, columns = self._best
        return values.cpu().numpy(), columns.cpu().numpy()


def top(entries: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The `k` greatest of each row (B, M) and their columns, the lower column first among equals."""
    # One more than asked for shows where equal values lie on both sides of the cut; there topk's choice is arbitrary.
    values, columns = entries.topk(min(k + 1, entries.shape[1]), dim=1)
    if values.shape[1] > k:
        tied = (values[:, k] == values[:, k - 1]).nonzero()[:, 0]
        values, columns = values[:, :k], columns[:, :k]
        if len(tied):
            all_values, all_columns = entries[tied].sort(dim=1, descending=True, stable=True)
            values[tied], columns[tied] = all_values[:, :k], all_columns[:, :k]
    columns, order = columns.sort(dim=1)
    values, by_value = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, by_value)


@kernel
def keep_greatest(values, columns, block, width, offset):
    """Let entries of a block's first `width` columns enter the heaps (B, k) of its rows.

    The root of a heap is the entry that gives way first: the least, of equal ones that of the highest column. Since
    columns come rising, an entry equal to the root never enters.
    """
    for i in range(len(values)):
        heap, of_heap, row = values[i], columns[i], block[i, :width]
        for start in range(0, width, CHUNK):
            chunk = row[start : start + CHUNK]
            if len(chunk) < CHUNK or _any_exceeds(chunk, heap[0]):
                for j in range(len(chunk)):
                    if chunk[j] > heap[0]:
                        _sink(heap, of_heap, chunk[j], offset + start + j)


@kernel
def rank(values, columns):
    """Turn heaps (B, k) into rows that fall, the lower column first among equals."""
    for i in range(len(values)):
        heap, of_heap = values[i], columns[i]
        for last in range(len(heap) - 1, 0, -1):
            value, column = heap[last], of_heap[last]
            heap[last], of_heap[last] = heap[0], of_heap[0]
            _sink(heap[:last], of_heap[:last], value, column)


@part
def _any_exceeds(chunk, threshold):
    """Whether any of CHUNK entries is greater; known in number and without a branch, so that vectors can be used."""
    found = np.uint8(0)
    for j in range(CHUNK):
        found |= np.uint8(chunk[j] > threshold)
    return found


@part
def _sink(heap, of_heap, value, column):
    """Put an entry in the place of the root, and let it sink until what lies under it gives way later."""
    place, size = 0, len(heap)
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and _first(heap[child + 1], of_heap[child + 1], heap[child], of_heap[child]):
            child += 1
        if _first(value, column, heap[child], of_heap[child]):
            break
        heap[place], of_heap[place] = heap[child], of_heap[child]
        place = child
    heap[place], of_heap[place] = value, column


@part
def _first(value, column, other, of_other):
    """Whether an entry gives way before another."""
    return value < other or (value == other and column > of_other)
