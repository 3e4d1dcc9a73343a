from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.neighbours.bank import nearest
from contraflow.neighbours.greatest import Greatest, Ranked

VECTORS = np.random.default_rng(3).normal(size=(3700, 48)).astype(np.float32)


@pytest.mark.parametrize("kind", [Greatest, Ranked])
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 600),
    k=st.integers(1, 60),
    values=st.integers(1, 400),
    cuts=st.lists(st.integers(1, 599), max_size=3),
    spare=st.integers(0, 3),
    seed=st.integers(0, 9),
)
@settings(max_examples=60)
def test_the_greatest_of_a_row_are_those_of_a_stable_sort(kind, rows, columns, k, values, cuts, spare, seed):
    """In blocks of any width, with rows and columns that do not count; with few different values most are tied."""
    rng = np.random.default_rng(seed)
    entries = torch.from_numpy(rng.integers(-values, values, (rows, columns)).astype(np.float32) / 2)
    entries[torch.from_numpy(rng.random((rows, columns)) < 0.5) & (entries == 0)] = -0.0  # equal to 0
    k, borders = min(k, columns), sorted({0, columns, *(cut for cut in cuts if cut < columns)})
    best = kind(rows, k)
    for start, stop in pairwise(borders):
        block = torch.full((rows + spare, stop - start + spare), float(values))
        block[:rows, : stop - start] = entries[:, start:stop]
        best.add(block, stop - start, start)
    found, places = best.ranked()
    expected, order = entries.sort(dim=1, descending=True, stable=True)
    np.testing.assert_array_equal(found, expected[:, :k])
    np.testing.assert_array_equal(places, order[:, :k])


@pytest.mark.parametrize("query_rows", [1, 37, 128, 513, 10_000])
@pytest.mark.parametrize("bank_rows", [7, 200, 999, 3000])
def test_rows_taken_at_a_time_change_no_bit(query_rows, bank_rows):
    queries, bank = VECTORS[:700], VECTORS[700:]
    rows = slice(300 if query_rows > 1 else 5)
    expected = nearest(queries[rows], bank, 20)
    found = nearest(queries[rows], bank, 20, query_rows=query_rows, bank_rows=bank_rows)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_identical_bank_takes_lowest_indices():
    similarity, index = nearest(np.ones((3, 4)), np.ones((1000, 4)), 5, bank_rows=300)
    np.testing.assert_array_equal(index, np.tile(np.arange(5), (3, 1)))
    np.testing.assert_allclose(similarity, 1)


def test_zero_vectors_are_similar_to_nothing():
    similarity, index = nearest(np.zeros((1, 3)), np.array([[1.0, 0, 0], [0, 0, 0]]), 2)
    np.testing.assert_array_equal(similarity, [[0, 0]])
    np.testing.assert_array_equal(index, [[0, 1]])
