"""The intervals beside those of scipy, closed forms, and what they promise."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from contraflow.baseline.significance import difference

accuracy = st.integers(0, 10_000).map(lambda right: right / 10_000)
samples = st.lists(accuracy, min_size=2, max_size=7)
patient = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def by_seed(values, first=0):
    return dict(enumerate(values, first))


@patient
@given(st.lists(st.tuples(accuracy, accuracy), min_size=2, max_size=7), st.integers(1, 9))
def test_same_seeds_have_the_interval_of_the_paired_t_test(pairs, comparisons):
    own, base = zip(*pairs, strict=True)
    gap = difference(by_seed(own), by_seed(base), comparisons)
    assert gap.paired and gap.mean == pytest.approx(np.mean(own) - np.mean(base), abs=1e-12)
    if np.std(np.subtract(own, base)) < 1e-6:
        assert gap.why == ("no spread over seeds" if abs(gap.mean) > 1e-6 else "no difference") and gap.sign == 0
        return
    test = stats.ttest_rel(own, base)
    interval = test.confidence_interval(1 - 0.05 / comparisons)
    assert (gap.low, gap.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-12)
    if abs(test.pvalue * comparisons - 0.05) > 1e-9:
        assert (gap.sign != 0) == (test.pvalue < 0.05 / comparisons)


@patient
@given(samples, samples, st.integers(1, 9))
def test_other_seeds_have_the_interval_of_welchs_test(own, base, comparisons):
    gap = difference(by_seed(own), by_seed(base, first=100), comparisons)
    assert not gap.paired
    if np.std(own) + np.std(base) < 1e-6:
        assert gap.why == "no spread over seeds" and gap.sign == 0
        return
    interval = stats.ttest_ind(own, base, equal_var=False).confidence_interval(1 - 0.05 / comparisons)
    assert (gap.low, gap.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-12)


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
