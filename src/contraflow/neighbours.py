"""Exact nearest neighbours by cosine, in bounded memory."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

CPU = torch.device("cpu")
QUERY_ROWS = 512
BANK_ROWS = 65536
# Matrix products with fewer rows may take another path in the library, which rounds differently.
FEWEST_ROWS = 128


class Bank:
    """Vectors among which neighbours are searched.

    The result does not depend on the rows taken at a time, which bound the memory: 4 bytes for each pair.

    Args:
        vectors: Shape (M, D), finite, M at least 1.
        device: Where to compute.
        query_rows: Queries taken at a time.
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
        self._tiles = [(start, _unit(vectors[start : start + bank_rows], device).T) for start in starts]

    def nearest(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The `k` vectors that are most similar to each query, by cosine in float32; exact.

        Of equally similar vectors the one with the lower index comes first. A vector of zeros has similarity 0 to all.

        Args:
            queries: Shape (N, D), finite.
            k: At least 1; more than M means M.

        Returns:
            Similarities (N, k) float32, falling, and indices into the bank (N, k) int64.
        """
        k = min(k, self.size)
        similarity = np.empty((len(queries), k), np.float32)
        index = np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), self.query_rows):
            rows = slice(start, min(start + self.query_rows, len(queries)))
            best: tuple[Tensor, Tensor] | None = None
            for offset, product in self._products(_unit(queries[rows], self.device)):
                values, places = _top(product[: rows.stop - start], min(k, product.shape[1]))
                places += offset
                if best is not None:  # what is there already has lower indices and wins among equals
                    values, places = torch.cat([best[0], values], 1), torch.cat([best[1], places], 1)
                    values, order = values.sort(dim=1, descending=True, stable=True)
                    values, places = values[:, :k], places.gather(1, order[:, :k])
                best = values, places
            similarity[rows], index[rows] = best[0].cpu().numpy(), best[1].cpu().numpy()
        return similarity, index

    def _products(self, query: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Index of the first vector of each tile, and the similarities to all that are in it."""
        for offset, tile in self._tiles:
            yield offset, (query @ tile)[:, : min(self.bank_rows, self.size - offset)]


def nearest(queries: np.ndarray, bank: np.ndarray, k: int, **settings) -> tuple[np.ndarray, np.ndarray]:
    """`Bank.nearest` in a bank (M, D) of its own, with its settings `device`, `query_rows` and `bank_rows`."""
    return Bank(bank, **settings).nearest(queries, k)


def _unit(vectors: np.ndarray, device: torch.device) -> Tensor:
    """Vectors of length 1, with rows of zeros below where there are few."""
    unit = functional.normalize(torch.from_numpy(np.ascontiguousarray(vectors, np.float32)).to(device))
    return functional.pad(unit, (0, 0, 0, max(0, FEWEST_ROWS - len(unit))))


def _top(similarity: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The `k` greatest values of each row (B, M) and their columns, the lower column first among equals."""
    # One more than asked for shows where equal values lie on both sides of the cut; there topk's choice is arbitrary.
    values, columns = _greatest(similarity, min(k + 1, similarity.shape[1]))
    if values.shape[1] > k:
        tied = (values[:, k] == values[:, k - 1]).nonzero()[:, 0]
        values, columns = values[:, :k], columns[:, :k]
        if len(tied):
            all_values, all_columns = similarity[tied].sort(dim=1, descending=True, stable=True)
            values[tied], columns[tied] = all_values[:, :k], all_columns[:, :k]
    columns, order = columns.sort(dim=1)
    values, by_value = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, by_value)


def _greatest(similarity: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`topk` of each row (B, M), several times faster where `k` is a small part of a row.

    Columns are dealt out to groups. Each of the k greatest values is in one of the k groups with the greatest maxima,
    so only the members of those are ranked. Among values equal to the k-th any may be returned, as by topk.
    """
    columns = similarity.shape[1]
    each = int((columns / k) ** 0.5)  # members of a group: as many to rank at the end as there are groups
    if each < 3:
        return similarity.topk(k, dim=1)
    groups = columns // each
    dealt = similarity[:, : groups * each].unflatten(1, (each, groups))
    first = dealt.amax(1).topk(k, dim=1).indices
    members = torch.arange(0, groups * each, groups, device=similarity.device)
    candidates = (members[:, None] + first[:, None, :]).flatten(1)
    rest = torch.arange(groups * each, columns, device=similarity.device).expand(len(similarity), -1)
    candidates = torch.cat([candidates, rest], dim=1)
    values, places = similarity.gather(1, candidates).topk(k, dim=1)
    return values, candidates.gather(1, places)
