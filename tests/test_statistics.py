"""Intervals and margins beside exact tests, closed forms, simulations, and what they promise."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit
from scipy.stats import binom

from contraflow.statistics import (
    bootstrap_interval,
    difference,
    error_of_accuracy,
    error_of_mean,
    spread,
    two_standard_errors,
)

accuracy = st.integers(0, 10_000).map(lambda right: right / 10_000)
samples = st.lists(accuracy, min_size=2, max_size=7)
patient = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def by_seed(values, first=0):
    return dict(enumerate(values, first))


def interval(mean, error, freedom, comparisons):
    """An interval around a mean from its standard error, with Student's distribution."""
    margin = stdtrit(freedom, 1 - 0.05 / comparisons / 2) * error
    return float(mean - margin), float(mean + margin)


@patient
@given(st.lists(st.tuples(accuracy, accuracy), min_size=2, max_size=7), st.integers(1, 9))
def test_same_seeds_have_the_interval_of_their_differences(pairs, comparisons):
    own, base = zip(*pairs, strict=True)
    gap, gaps = difference(by_seed(own), by_seed(base), comparisons), np.array(own, float) - np.array(base, float)
    assert gap.mean == pytest.approx(gaps.mean(), abs=1e-12)
    if gaps.std() < 1e-6:
        assert gap.why == ("no spread over seeds" if abs(gap.mean) > 1e-6 else "no difference") and gap.sign == 0
        return
    wanted = interval(gaps.mean(), gaps.std(ddof=1) / math.sqrt(len(gaps)), len(gaps) - 1, comparisons)
    assert (gap.low, gap.high) == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    if min(map(abs, wanted)) > 1e-9:
        assert gap.sign == (wanted[0] > 0) - (wanted[1] < 0)


@patient
@given(samples, samples, st.integers(1, 9))
def test_other_seeds_have_the_interval_of_two_samples(own, base, comparisons):
    """With the degrees of freedom that Welch gives."""
    gap = difference(by_seed(own), by_seed(base, first=100), comparisons)
    if np.std(own) + np.std(base) < 1e-6:
        assert gap.why == "no spread over seeds" and gap.sign == 0
        return
    parts = [np.var(sample, ddof=1) / len(sample) for sample in (own, base)]
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(sample) - 1) for part, sample in zip(parts, (own, base), strict=True)
    )
    wanted = interval(np.mean(own) - np.mean(base), math.sqrt(sum(parts)), freedom, comparisons)
    assert (gap.low, gap.high) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@patient
@given(samples, samples, st.integers(0, 1))
def test_swapping_the_runs_turns_the_sign(own, base, first):
    there = difference(by_seed(own), by_seed(base, first))
    back = difference(by_seed(base, first), by_seed(own))
    assert (there.mean, there.margin, there.sign) == pytest.approx((-back.mean, back.margin, -back.sign), abs=1e-12)


def test_two_paired_seeds_by_hand():
    """With one degree of freedom Student's distribution is Cauchy's, whose quantile is a tangent."""
    gap = difference({0: 0.83, 1: 0.84}, {0: 0.80, 1: 0.80})
    error = (0.04 - 0.03) / math.sqrt(2) / math.sqrt(2)
    assert gap.mean == pytest.approx(0.035)
    assert gap.margin == pytest.approx(math.tan(math.pi * 0.475) * error)
    assert gap.sign == 0


def test_pairing_sees_what_two_samples_hide():
    base = {0: 0.70, 1: 0.80, 2: 0.90}
    own = {0: 0.711, 1: 0.810, 2: 0.909}
    assert difference(own, base).sign == 1
    assert difference(by_seed(own.values(), first=5), base).sign == 0


@pytest.mark.parametrize("other", [{0: 0.5}, {0: 0.5, 1: 0.6}])
def test_one_seed_says_nothing_about_noise(other):
    for own, base in (({0: 0.9}, other), (other, {0: 0.9})):
        gap = difference(own, base)
        assert gap.why == "one seed only" and gap.margin is None and gap.sign == 0


def test_the_same_figures_are_no_difference_also_of_one_seed():
    for figures in ({0: 0.5}, {0: 0.5, 1: 0.7}):
        assert difference(figures, dict(figures)).why == "no difference"


def test_more_comparisons_widen_the_interval():
    own, base = {0: 0.8, 1: 0.83, 2: 0.82}, {0: 0.7, 1: 0.74, 2: 0.71}
    margins = [difference(own, base, comparisons).margin for comparisons in (1, 2, 10)]
    assert margins == sorted(margins) and len(set(margins)) == 3


@pytest.mark.parametrize("shift", [0, 50], ids=["paired", "welch"])
def test_equal_runs_are_within_noise_as_often_as_promised(shift):
    """400 columns of 4 runs against a baseline: that one of the 4 is called beyond noise happens in at most 5 %."""
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(400):
        base, *runs = rng.normal(0.8, 0.01, (5, 4))
        false += any(difference(by_seed(run), by_seed(base, shift), len(runs)).sign for run in runs)
    assert false <= 0.05 * 400 + 2 * math.sqrt(400 * 0.05 * 0.95)


@pytest.mark.filterwarnings("error")
def test_seeds_that_agree_are_no_reason_for_a_warning():
    assert difference({0: 0.3, 1: 0.1 + 0.2}, {5: 0.1, 6: 0.5}).sign == 0
    assert difference({0: 0.3, 1: 0.3}, {5: 0.1, 6: 0.1}).why == "no spread over seeds"


def test_spread_of_a_sample():
    assert spread([1.0, 3.0]) == {"mean": 2.0, "std": pytest.approx(2**0.5), "n": 2}
    assert spread([0.25]) == {"mean": 0.25, "std": 0.0, "n": 1}


def test_errors_are_those_of_draws_and_add_up_as_independent_ones_do():
    rng = np.random.default_rng(0)
    shares = rng.binomial(300, 0.8, 100_000) / 300
    means = rng.normal(0.5, 0.02, (100_000, 4)).mean(1)
    assert error_of_accuracy(0.8, 300) == pytest.approx(shares.std(), rel=0.01)
    assert error_of_mean(0.02, 4) == pytest.approx(means.std(), rel=0.01)
    both = two_standard_errors(error_of_accuracy(0.8, 300), error_of_mean(0.02, 4))
    assert both == pytest.approx(2 * (shares - means).std(), rel=0.01)


@settings(deadline=None, max_examples=20)
@given(n=st.integers(20, 20_000), share=st.floats(0.05, 0.95))
def test_of_hits_it_is_the_binomial_bootstrap_interval(n, share):
    hits = round(share * n)
    found = bootstrap_interval(np.arange(n) < hits)
    expected = binom.ppf([0.025, 0.975], n, hits / n) / n
    np.testing.assert_allclose(found, expected, atol=max(1, 0.15 * np.sqrt(n * share * (1 - share))) / n)


def test_equals_images_drawn_one_by_one():
    scores = np.random.default_rng(0).choice([0, 1 / 3, 2 / 3, 1], 300, p=[0.1, 0.2, 0.3, 0.4])
    drawn = np.random.default_rng(1).choice(scores, (10_000, 300)).mean(1)
    np.testing.assert_allclose(bootstrap_interval(scores), np.quantile(drawn, [0.025, 0.975]), atol=0.003)


def test_holds_the_truth_in_about_95_of_100_test_sets():
    random = np.random.default_rng(0)
    ends = np.array([bootstrap_interval(random.random(400) < 0.8) for _ in range(400)])
    assert 0.92 < np.mean((ends[:, 0] <= 0.8) & (ends[:, 1] >= 0.8)) < 0.98


@pytest.mark.parametrize("value", [0, 1])
def test_without_spread_there_is_no_width(value):
    assert bootstrap_interval(np.full(50, value)) == [value, value]


def test_the_order_of_the_images_and_the_call_change_nothing():
    scores = np.arange(500) % 3 == 0
    assert (
        bootstrap_interval(scores)
        == bootstrap_interval(scores[::-1])
        == bootstrap_interval(np.random.default_rng(0).permutation(scores))
    )
