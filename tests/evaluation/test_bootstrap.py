import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from contraflow.evaluation.bootstrap import interval


@settings(deadline=None, max_examples=20)
@given(n=st.integers(20, 20_000), share=st.floats(0.05, 0.95))
def test_of_hits_it_is_the_binomial_interval(n, share):
    hits = round(share * n)
    found = interval(np.arange(n) < hits)
    expected = binom.ppf([0.025, 0.975], n, hits / n) / n
    np.testing.assert_allclose(found, expected, atol=max(1, 0.15 * np.sqrt(n * share * (1 - share))) / n)


def test_equals_images_drawn_one_by_one():
    scores = np.random.default_rng(0).choice([0, 1 / 3, 2 / 3, 1], 300, p=[0.1, 0.2, 0.3, 0.4])
    drawn = np.random.default_rng(1).choice(scores, (10_000, 300)).mean(1)
    np.testing.assert_allclose(interval(scores), np.quantile(drawn, [0.025, 0.975]), atol=0.003)


def test_holds_the_truth_in_about_95_of_100_test_sets():
    random = np.random.default_rng(0)
    ends = np.array([interval(random.random(400) < 0.8) for _ in range(400)])
    assert 0.92 < np.mean((ends[:, 0] <= 0.8) & (ends[:, 1] >= 0.8)) < 0.98


@pytest.mark.parametrize("value", [0, 1])
def test_without_spread_there_is_no_width(value):
    assert interval(np.full(50, value)) == [value, value]


def test_the_order_of_the_images_and_the_call_change_nothing():
    scores = np.arange(500) % 3 == 0
    assert interval(scores) == interval(scores[::-1]) == interval(np.random.default_rng(0).permutation(scores))
