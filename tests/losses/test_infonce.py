import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from contraflow.losses.infonce import Stored, info_nce
from contraflow.losses.ntxent import ntxent

batches = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(0, 10**6))


def slow_info_nce(query, key, stored, tau):
    total = 0.0
    for q, k in zip(query, key, strict=True):
        near, *far = (math.exp(float(F.cosine_similarity(q, x, dim=0)) / tau) for x in (k, *stored))
        total -= math.log(near / (near + sum(far)))
    return total / len(query)


@given(shape=batches, places=st.integers(1, 9), tau=st.floats(0.05, 2.0))
def test_equals_the_slow_definition(vectors, shape, places, tau):
    n, d, seed = shape
    (query, key), (stored,) = vectors(n, d, seed), vectors(places, d, seed + 1, count=1)
    value = info_nce(query, key, Stored(stored, torch.arange(places)), tau)
    assert value.item() == pytest.approx(slow_info_nce(query, key, stored, tau), rel=1e-9, abs=1e-9)


def test_a_queue_of_all_other_embeddings_gives_ntxent(vectors):
    z1, z2 = vectors(6, 4)
    both = torch.cat([z1, z2])
    each = [
        info_nce(both[i : i + 1], both[[(i + 6) % 12]], Stored(both[rest], torch.tensor(rest)), 0.3)
        for i in range(12)
        if (rest := [j for j in range(12) if j % 6 != i % 6])
    ]
    torch.testing.assert_close(torch.stack(each).mean(), ntxent(z1, z2, 0.3))


def test_an_images_own_older_key_and_an_empty_place_are_no_negatives(vectors):
    (query, key), (stored,) = vectors(2, 3), vectors(4, 3, 1, count=1)
    value = info_nce(query[:1], key[:1], Stored(stored, torch.tensor([7, 3, -1, 5])), 0.2, index=torch.tensor([7]))
    expected = info_nce(query[:1], key[:1], Stored(stored[[1, 3]], torch.tensor([3, 5])), 0.2)
    torch.testing.assert_close(value, expected)


def test_a_full_queue_of_equal_keys_gives_log_k_plus_1():
    ones = torch.ones(9, 3)
    stored = Stored(ones, torch.arange(9))
    assert info_nce(ones[:4], ones[:4], stored, 0.1).item() == pytest.approx(math.log(10), abs=1e-5)
    empty = Stored(ones, torch.full((9,), -1))
    assert info_nce(ones[:4], ones[:4], empty, 0.1).item() == 0


def test_gradient_and_half_precision(vectors, check_gradient):
    (query, key), (stored,) = vectors(3, 4), vectors(5, 4, 1, count=1)
    places = torch.arange(5)
    check_gradient(lambda q, k, s: info_nce(q, k, Stored(s, places), 0.5), query, key, stored)
    half = [(100 * z).to(torch.bfloat16) for z in (query, key, stored)]
    assert torch.isfinite(info_nce(half[0], half[1], Stored(half[2], places), 0.01))
