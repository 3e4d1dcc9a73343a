import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.evaluation.geometry import alignment, uniformity


def unit(vector):
    return [x / math.sqrt(sum(y * y for y in vector)) for x in vector]


def squared(first, second):
    return sum((a - b) ** 2 for a, b in zip(unit(first), unit(second), strict=True))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 25), d=st.integers(1, 9), rows=st.integers(1, 30))
def test_equal_slow_loops(seed, n, d, rows):
    first, second = np.random.default_rng(seed).normal(size=(2, n, d))
    expected = sum(squared(first[i], second[i]) for i in range(n)) / n
    assert alignment(first, second) == pytest.approx(expected, abs=1e-5)
    pairs = [math.exp(-2 * squared(first[i], first[j])) for i in range(n) for j in range(i)]
    assert uniformity(first, rows=rows) == pytest.approx(math.log(sum(pairs) / len(pairs)), abs=1e-4)


def test_identical_features():
    features = np.tile(np.arange(1.0, 6), (50, 1))
    assert alignment(features, 3 * features) == pytest.approx(0, abs=1e-6)
    assert uniformity(features) == pytest.approx(0, abs=1e-5)


def test_opposite_features():
    features = np.eye(4)
    assert alignment(features, -features) == pytest.approx(4)
    assert uniformity(np.array([[1.0, 0], [-1, 0]])) == pytest.approx(-8)


@pytest.mark.parametrize("t", [1, 2, 3])
def test_right_angles(t):
    assert uniformity(np.eye(10), t=t) == pytest.approx(-2 * t)


def test_rows_at_a_time_leave_the_figure():
    features = np.random.default_rng(0).normal(size=(500, 8))
    assert uniformity(features, rows=7) == pytest.approx(uniformity(features), abs=1e-6)


def test_vectors_of_zeros_coincide():
    assert uniformity(np.zeros((5, 3))) == 0
