from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.losses.comparison import compare
from contraflow.losses.selection import hardest, outside_window, ranks, ring, within_margin

batches = st.tuples(st.integers(2, 7), st.integers(1, 7), st.integers(0, 10**6))


def slow_ranking(comparison):
    """For each anchor its negatives' columns, the most similar first."""
    rows = zip(comparison.similarity.tolist(), comparison.negative.tolist(), strict=True)
    return [sorted((j for j, taken in enumerate(mask) if taken), key=lambda j: (-row[j], j)) for row, mask in rows]


def columns(comparison):
    return [set(row.nonzero().flatten().tolist()) for row in comparison.negative]


@given(shape=batches, inner=st.floats(0, 0.5), width=st.floats(0, 0.5), k=st.integers(1, 6))
def test_ring_and_hardest_cut_the_ranking(batch, shape, inner, width, k):
    comparison = batch(*shape)
    ranking = slow_ranking(comparison)
    assert columns(hardest(comparison, k)) == [set(row[:k]) for row in ranking]
    kept = columns(ring(comparison, inner, inner + width))
    for row, found in zip(ranking, kept, strict=True):
        first = min(round(inner * len(row)), len(row) - 1)
        assert found == set(row[first : max(round((inner + width) * len(row)), first + 1)])


def test_ranks_of_equal_similarities_go_by_column(batch):
    comparison = batch(3, 2)
    equal = replace(comparison, similarity=torch.zeros_like(comparison.similarity))
    assert ranks(equal)[0][comparison.negative[0]].tolist() == [0, 1, 2, 3]


@given(shape=batches, margin=st.floats(0, 1))
def test_margin_keeps_what_is_near_the_positive(batch, shape, margin):
    comparison = batch(*shape)
    n, kept = shape[0], columns(within_margin(comparison, margin))
    for i, (row, found) in enumerate(zip(comparison.similarity.tolist(), kept, strict=True)):
        assert found == {j for j in range(2 * n) if j % n != i % n and row[j] > row[(i + n) % (2 * n)] - margin}


def test_neighbours_in_time_are_no_negatives_wherever_they_lie(vectors):
    (keys,) = vectors(6, 3, count=1)
    comparison = compare(
        keys[:2],
        keys,
        anchor_index=torch.tensor([10, 30]),
        key_index=torch.tensor([10, 11, 12, 13, 29, -1]),
        positive=torch.zeros(2, 6, dtype=torch.bool),
    )
    assert columns(outside_window(comparison, 0)) == columns(comparison) == [{1, 2, 3, 4}, {0, 1, 2, 3, 4}]
    assert columns(outside_window(comparison, 2)) == [{3, 4}, {0, 1, 2, 3}]
    positions = torch.arange(31) % 11 + 2**32 * (torch.arange(31) // 11)  # three groups of 11
    # Of the neighbours of 10, which ends its group, 11 to 13 are of the next one; 29 is in one group with 30.
    assert columns(outside_window(comparison, 2, positions)) == [{1, 2, 3, 4}, {0, 1, 2, 3}]
    assert columns(outside_window(comparison, 2**31 - 1, positions)) == [{1, 2, 3, 4}, {0, 1, 2, 3}]
