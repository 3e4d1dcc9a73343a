"""The greatest entries of rows that come in blocks, the lower column first among equals.

On a CPU an entry and its column are one key, so that ranking keys ranks both. A row that has its k keeps the least of
them as a threshold, and of what comes later only the little that exceeds it is looked at; on a GPU every block is
ranked.
"""

import numpy as np
import torch
from torch import Tensor

from contraflow.compiling import kernel, part

SPARE = 128  # keys, at least, that wait beside the k greatest until the least of all are dropped together


class Greatest:
    """The `k` greatest entries of each of `rows` rows, on a CPU; entries are finite, columns below 2^32.

    Blocks come from the left to the right, and have at least `k` columns in all.
    """

    def __init__(self, rows: int, k: int):
        self._k = k
        self._keys = np.empty((rows, k + max(k, SPARE)), np.uint64)
        self._count = np.zeros(rows, np.int64)
        self._threshold = np.full(rows, -np.inf, np.float32)

    def add(self, block: Tensor, width: int, offset: int) -> None:
        """Take in a block, of which the first `rows` rows and `width` columns count, these from column `offset` on."""
        keep_greatest(self._keys, self._count, self._threshold, block.numpy(), width, offset, self._k)

    def ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """The greatest, falling, and their columns, (rows, k); nothing can be added any more."""
        return rank_keys(self._keys, self._count, self._k)


class Ranked:
    """The same on any device, by sorting."""

    def __init__(self, rows: int, k: int):
        self._rows, self._k = rows, k
        self._best: tuple[Tensor, Tensor] | None = None

    def add(self, block: Tensor, width: int, offset: int) -> None:
        """As `Greatest.add`."""
        values, columns = top(block[: self._rows, :width], min(self._k, width))
        columns += offset
        if self._best is not None:  # what is there already has lower columns and wins among equals
            values, columns = torch.cat([self._best[0], values], 1), torch.cat([self._best[1], columns], 1)
            values, order = values.sort(dim=1, descending=True, stable=True)
            values, columns = values[:, : self._k], columns.gather(1, order[:, : self._k])
        self._best = values, columns

    def ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """As `Greatest.ranked`."""
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
def keep_greatest(keys, count, threshold, block, width, offset, k):
    """Keep the keys of entries of a block's first `width` columns that may be among the `k` greatest of their row.

    Row by row `count` keys (B, room) are kept. Where room runs out, all but the greatest are dropped, and the least of
    these is the new threshold (B,): since columns come rising, an entry equal to it is none of the greatest.
    """
    for i in range(len(keys)):
        kept, n, least, row = keys[i], count[i], threshold[i], block[i, :width]
        for j in range(width):
            if row[j] > least:
                kept[n] = _key(row[j], offset + j)
                n += 1
                if n == len(kept):
                    kept[:] = np.partition(kept, k - 1)
                    n, least = k, _entry(kept[k - 1])
        count[i], threshold[i] = n, least


@kernel
def rank_keys(keys, count, k):
    """The `k` greatest of `count` keys in each row (B, room) as entries, falling, and their columns, (B, k)."""
    values, columns = np.empty((len(keys), k), np.float32), np.empty((len(keys), k), np.int64)
    for i in range(len(keys)):
        ordered = np.sort(keys[i, : count[i]])
        for j in range(k):
            values[i, j] = _entry(ordered[j])
            columns[i, j] = np.int64(ordered[j] & np.uint64(0xFFFFFFFF))
    return values, columns


@part
def _key(entry, column):
    """A number that is the lower the greater an entry is, and of equal ones the lower its column."""
    bits = np.float32(entry + np.float32(0)).view(np.uint32)  # 0 and -0, which are equal, have the same bits then
    return np.uint64(_turned(bits)) << np.uint64(32) | np.uint64(column)


@part
def _entry(key):
    return np.uint32(_turned(np.uint32(key >> np.uint64(32)))).view(np.float32)


@part
def _turned(bits):
    """The bits of a float as a number that falls where the float rises, and back.

    Read as an integer, floats from 0 on rise and those below fall: only the former are turned around.
    """
    return bits if bits >> np.uint32(31) else bits ^ np.uint32(0x7FFFFFFF)
