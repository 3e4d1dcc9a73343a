import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.evaluation.geometry import BINS, similarity_counts


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def place(value):
    return min(BINS - 1, max(0, math.floor((value + 1) / 2 * BINS)))


def slow(first, second, labels):
    found = {name: [0] * BINS for name in ("positive", "negative", "same_class", "other_class")}
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            names = ["positive"] if i == j else ["negative"]
            if i != j and labels[i] >= 0 and labels[j] >= 0:
                names.append("same_class" if labels[i] == labels[j] else "other_class")
            for name in names:
                found[name][place(cosine(a, b))] += 1
    return found


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 12), d=st.integers(1, 6))
def test_equals_slow_loops(seed, n, d):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, n, d))
    labels = rng.integers(-1, 3, n)
    found, expected = similarity_counts(first, second, labels), slow(first, second, labels)
    for name, counts in found.items():
        assert sum(counts) == sum(expected[name])
        # A value on the edge of two bins may round into either; more than one such would be no accident.
        assert abs(np.cumsum(counts) - np.cumsum(expected[name])).sum() <= 1


def test_equal_opposite_and_at_right_angles():
    first, second = np.array([[1.0, 0], [0, 2.0]]), np.array([[3.0, 0], [0, -1.0]])
    found = similarity_counts(first, second, np.array([0, 0]))
    assert found["positive"][BINS - 1] == 1 == found["positive"][0]
    assert found["negative"][BINS // 2] == 2 == found["same_class"][BINS // 2]
    assert sum(found["other_class"]) == 0


def test_without_labels_nothing_is_said_of_classes():
    assert set(similarity_counts(np.eye(3), np.eye(3), np.full(3, -1))) == {"positive", "negative"}
    one_labelled = similarity_counts(np.eye(3), np.eye(3), np.array([-1, 2, -1]))
    assert set(one_labelled) == {"positive", "negative"}
