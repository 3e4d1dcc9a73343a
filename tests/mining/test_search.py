import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.mining.neighbours import nearest


def slow_nearest(features, k):
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    found = []
    for i, row in enumerate(unit):
        others = [(-float(row @ other), j) for j, other in enumerate(unit) if j != i]
        found.append([j for _, j in sorted(others)[:k]])
    return np.array(found)


@given(n=st.integers(2, 30), d=st.integers(2, 8), k=st.integers(1, 40), seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=50)
def test_equals_brute_force_and_never_names_itself(n, d, k, seed):
    features = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    neighbour, similarity = nearest(features, k, threads=1)
    assert neighbour.shape == similarity.shape == (n, min(k, n - 1))
    assert (neighbour != np.arange(n)[:, None]).all()
    assert (np.diff(similarity, axis=1) <= 0).all()
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = np.take_along_axis(unit @ unit.T, slow_nearest(features, min(k, n - 1)), 1)
    np.testing.assert_allclose(similarity, expected, atol=1e-5)  # near ties may swap, their similarities may not


def test_duplicates_are_neighbours_and_the_row_itself_is_not():
    features = np.tile(np.float32([[1, 0]]), (5, 1))
    neighbour, similarity = nearest(features, 2, threads=1)
    assert all(i not in row and len(set(row)) == 2 for i, row in enumerate(neighbour.tolist()))
    assert (similarity == 1).all()


def test_same_bytes_on_one_and_two_threads():
    features = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    one, two = nearest(features, 10, threads=1), nearest(features, 10, threads=2)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
