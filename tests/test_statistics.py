"""Intervals and margins beside exact tests, closed forms, slow sums, and what they promise; how often they err:
`test_chance.py`."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit
from scipy.stats import binom, spearmanr

from contraflow import statistics
from contraflow.statistics import (
    ONE_SEED,
    bootstrap_interval,
    difference,
    error_of_accuracy,
    spearman,
    spearman_interval,
    spread,
)

accuracy = st.integers(0, 10_000).map(lambda right: right / 10_000)
samples = st.lists(accuracy, min_size=2, max_size=7)
patient = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def by_seed(values, first=0):
    return dict(enumerate(values, first))


def margin_of(parts, comparisons=1):
    """The largest of Student's margins of each part, a variance with its degrees of freedom, and of their sum."""
    total = sum(variance for variance, _ in parts)
    freedom = total**2 / sum(variance**2 / freedom for variance, freedom in parts)
    level = 1 - 0.05 / comparisons / 2
    return max(stdtrit(freedom, level) * math.sqrt(variance) for variance, freedom in [*parts, (total, freedom)])


@patient
@given(st.lists(st.tuples(accuracy, accuracy), min_size=2, max_size=7), st.integers(1, 9))
def test_same_seeds_have_the_interval_of_their_differences(pairs, comparisons):
    own, base = zip(*pairs, strict=True)
    gap, gaps = difference(by_seed(own), by_seed(base), comparisons), np.array(own, float) - np.array(base, float)
    assert gap.mean == pytest.approx(gaps.mean(), abs=1e-12)
    if gaps.std() < 1e-6:
        assert gap.why == ("no spread" if abs(gap.mean) > 1e-6 else "no difference") and gap.sign == 0
        return
    margin = stdtrit(len(gaps) - 1, 1 - 0.05 / comparisons / 2) * gaps.std(ddof=1) / math.sqrt(len(gaps))
    assert gap.margin == pytest.approx(margin, rel=1e-9, abs=1e-12)
    assert gap.each == pytest.approx(gaps.tolist(), abs=1e-12) and gap.ahead == (gaps > 0).sum()
    if abs(abs(gap.mean) - margin) > 1e-9:
        assert gap.sign == np.sign(gap.mean) * (abs(gap.mean) > margin)


@patient
@given(samples, samples, st.integers(1, 9))
def test_other_seeds_have_the_interval_of_two_samples(own, base, comparisons):
    """With the degrees of freedom that Welch gives, and no less than either sample alone."""
    gap = difference(by_seed(own), by_seed(base, first=100), comparisons)
    if np.std(own) + np.std(base) < 1e-6:
        assert gap.why == "no spread" and gap.sign == 0
        return
    parts = [(np.var(sample, ddof=1) / len(sample), len(sample) - 1) for sample in (own, base)]
    assert gap.mean == pytest.approx(np.mean(own) - np.mean(base), abs=1e-12) and gap.each == ()
    assert gap.margin == pytest.approx(margin_of(parts, comparisons), rel=1e-9, abs=1e-12)


def slow_parts(own, base):
    """The two parts of a paired difference of scores (n, N), from sums over seeds and images one by one."""
    gaps = [[a - b for a, b in zip(*rows, strict=True)] for rows in zip(own, base, strict=True)]
    n, images = len(gaps), len(gaps[0])
    of_seed = [sum(row) / images for row in gaps]
    of_image = [sum(row[i] for row in gaps) / n for i in range(images)]
    whole = sum(of_seed) / n
    seeds = sum((value - whole) ** 2 for value in of_seed) / (n - 1) / n
    apart = sum((value - whole) ** 2 for value in of_image) / (images - 1)
    rest = sum((gaps[s][i] - of_seed[s] - of_image[i] + whole) ** 2 for s in range(n) for i in range(images))
    rest /= (n - 1) * (images - 1)
    return [(seeds, n - 1), (max(0.0, apart / images - rest / n / images), images - 1)]


@patient
@given(st.integers(2, 4), st.integers(2, 30), st.integers(0, 999), st.sampled_from([1, 3]), st.integers(1, 5))
def test_scores_of_images_add_what_other_images_would_change(n, images, seed, draws, comparisons):
    own, base = np.random.default_rng(seed).binomial(draws, 0.7, (2, n, images)) / draws
    gap, parts = difference(by_seed(own), by_seed(base), comparisons), slow_parts(own.tolist(), base.tolist())
    assert gap.mean == pytest.approx(own.mean() - base.mean(), abs=1e-12)
    if gap.why:
        assert gap.why == ("no difference" if np.allclose(own.mean(1), base.mean(1)) else "no spread")
    else:
        assert gap.margin == pytest.approx(margin_of(parts, comparisons), rel=1e-6, abs=1e-9)


def test_seeds_that_agree_in_every_image_leave_mcnemars_test():
    """z² is (b - c)² / (b + c) there, where b and c images are named rightly by one side alone; here it lacks
    (b - c)² / N below, since the variance is taken around the mean and not around 0."""
    images, b, c = 4000, 130, 90
    own, base = np.arange(images) < b, (np.arange(images) >= b) & (np.arange(images) < b + c)
    gap = difference({0: own, 1: own, 2: own}, {0: base, 1: base, 2: base})
    z = math.sqrt((b - c) ** 2 / (b + c - (b - c) ** 2 / images) * (images - 1) / images)
    assert gap.mean / gap.margin == pytest.approx(z / stdtrit(images - 1, 0.975))
    assert gap.sign == 1 and z > 1.96


def test_what_no_seed_made_is_the_same_for_every_seed():
    own = by_seed(np.random.default_rng(0).random((3, 50)) < 0.9)
    raw = np.random.default_rng(1).random(50) < 0.8
    assert difference(own, {None: raw}) == difference(own, dict.fromkeys(own, raw))
    figures = {seed: hits.mean() for seed, hits in own.items()}
    assert difference(figures, {None: raw}) == difference(figures, dict.fromkeys(own, raw.mean()))


def test_scores_on_one_side_alone_hold_the_images_fixed():
    own, base = (np.random.default_rng(0).random((2, 4, 60)) < 0.7).astype(float)
    fixed = difference(by_seed(own.mean(1)), by_seed(base.mean(1)))
    assert difference(by_seed(own), by_seed(base.mean(1))).margin == pytest.approx(fixed.margin)
    assert difference(by_seed(own), by_seed(base)).margin > fixed.margin


def test_one_image_proves_nothing():
    gap = difference(by_seed(np.array([[1.0], [1.0], [0.0]])), {None: np.array([0.0])})
    assert (gap.why, gap.margin, gap.sign) == ("one image only", None, 0)


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
def test_one_seed_proves_nothing(other):
    for own, base in (({0: 0.9}, other), (other, {0: 0.9})):
        gap = difference(own, base)
        assert gap.why == ONE_SEED and gap.margin is None and gap.sign == 0


def test_the_same_figures_are_no_difference_also_of_one_seed():
    for figures in ({0: 0.5}, {0: 0.5, 1: 0.7}):
        assert difference(figures, dict(figures)).why == "no difference"


def test_more_comparisons_widen_the_interval():
    own, base = {0: 0.8, 1: 0.83, 2: 0.82}, {0: 0.7, 1: 0.74, 2: 0.71}
    margins = [difference(own, base, comparisons).margin for comparisons in (1, 2, 10)]
    assert margins == sorted(margins) and len(set(margins)) == 3


@pytest.mark.filterwarnings("error")
def test_seeds_that_agree_are_no_reason_for_a_warning():
    assert difference({0: 0.3, 1: 0.1 + 0.2}, {5: 0.1, 6: 0.5}).sign == 0
    assert difference({0: 0.3, 1: 0.3}, {5: 0.1, 6: 0.1}).why == "no spread"


def test_spread_of_a_sample():
    assert spread([1.0, 3.0]) == {"mean": 2.0, "std": pytest.approx(2**0.5), "n": 2}
    assert spread([0.25]) == {"mean": 0.25, "std": 0.0, "n": 1}


def test_error_of_an_accuracy_is_that_of_draws():
    shares = np.random.default_rng(0).binomial(300, 0.8, 100_000) / 300
    assert error_of_accuracy(0.8, 300) == pytest.approx(shares.std(), rel=0.01)


@settings(max_examples=20)
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


few_values = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=12)


def ranks_one_by_one(values):
    """From 1; those of equal values are shared."""
    return [sum(other < own for other in values) + (sum(other == own for other in values) + 1) / 2 for own in values]


@patient
@given(few_values)
def test_spearman_is_pearsons_correlation_of_ranks_one_by_one(pairs):
    a, b = (np.array(ranks_one_by_one(side)) - (len(pairs) + 1) / 2 for side in zip(*pairs, strict=True))
    norm = math.sqrt(math.fsum(a * a) * math.fsum(b * b))
    found = spearman(*np.array(pairs, float).T)
    assert found == pytest.approx(math.fsum(a * b) / norm if norm else 0, abs=1e-12)
    if norm:
        assert found == pytest.approx(spearmanr(*zip(*pairs, strict=True)).statistic, abs=1e-12)


@patient
@given(few_values, st.integers(0, 2**32))
def test_a_set_of_pairs_drawn_with_replacement_has_that_of_these_pairs(pairs, seed):
    x, y = np.array(pairs, float).T
    drawn = np.random.default_rng(seed).integers(len(x), size=(4, len(x)))
    times = np.array([np.bincount(each, minlength=len(x)) for each in drawn])
    found = statistics._rank_correlations(x, y, times)
    assert found == pytest.approx([spearman(x[each], y[each]) for each in drawn], abs=1e-12)


def test_the_interval_of_spearman_holds_the_truth_in_about_95_of_100_samples():
    """Of normal pairs with correlation r the truth is 6 / pi * asin(r / 2)."""
    random, truth, held = np.random.default_rng(0), 6 / math.pi * math.asin(0.5 / 2), 0
    for _ in range(60):
        x, y = random.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 40).T
        low, high = spearman_interval(x, y)
        held += low <= truth <= high
    assert 52 <= held <= 60


def test_the_interval_of_spearman_is_the_same_however_many_sets_are_ranked_at_a_time(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    found = spearman_interval(x, y)
    monkeypatch.setattr(statistics, "_TOGETHER", 1000)
    assert spearman_interval(x, y) == found
    assert spearman_interval(x, x) == pytest.approx([1, 1]) and spearman(x, np.exp(x)) == pytest.approx(1)
