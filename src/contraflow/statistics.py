"""The statistics behind every claim: how figures spread over seeds, how far an accuracy would move with other test
images, and when a difference is beyond chance.

One rule judges every difference, whether between runs, between a run and its baselines, or before and after mining:
docs/measuring.md has its formulas, their sources and what it finds (Beyond noise). The margin is the largest over
seeds, images and both together: a further source never narrows an interval. Satterthwaite's degrees of freedom alone
would, where few seeds lie close by chance, and give up to 13 % of false alarms with two seeds and 8 % with three, at
nominal 5 %. `tests/test_chance.py` has the simulation, and the power beside it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 0
_TOGETHER = 2**20  # pairs of resamples that are ranked at a time
ROUNDING = 1e-9  # a spread below it is that of floating point, not of seeds
ONE_SEED = "one seed only"
IN_WORDS = (
    "A difference is beyond noise when its 95 % interval leaves out 0. Its margin is the larger of two: Student's from "
    "the spread over seeds (n - 1 degrees of freedom; differences seed by seed where both sides have the same seeds, "
    "as of two samples where not), and the one that adds what other images would change, by the differences image by "
    "image (degrees of freedom by Satterthwaite). One seed proves nothing"
)

Scores = Mapping[int | None, float] | Mapping[int | None, np.ndarray]
"""A figure by seed (None for what has no seed and is the same for every): itself, or the score of each image, (N,)."""
Noise = tuple[float, int]
"""An estimate of the variance that a source gives a difference, and its degrees of freedom."""


def spread(values: Sequence[float]) -> dict:
    """Mean, standard deviation of a sample (n - 1 in the denominator; 0 for one value) and number of values."""
    return {"mean": fmean(values), "std": stdev(values) if len(values) > 1 else 0.0, "n": len(values)}


def bootstrap_interval(scores: np.ndarray) -> list[float]:
    """The middle 95 % of the means of `scores` (N,) over sets of N images drawn from these N with replacement.

    Images with equal scores can stand for each other, so all that is drawn is how many of each score there are: a
    multinomial, whatever N is (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13).

    Args:
        scores: One an image: 1 or 0 for a class named rightly or not, or the share of several classifiers that did.

    Returns:
        Lower and upper end.
    """
    values, counts = np.unique(scores, return_counts=True)
    random = np.random.Generator(np.random.Philox(key=SEED))
    means = random.multinomial(len(scores), counts / len(scores), RESAMPLES) @ values / len(scores)
    return _middle(means)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of x and y (N,), -1 to 1; of ties each has the mean of their ranks. 0 where one side
    is the same everywhere, which orders nothing."""
    return float(_rank_correlations(x, y, np.ones((1, len(x)), np.int64))[0])


def spearman_interval(x: np.ndarray, y: np.ndarray) -> list[float]:
    """Lower and upper end of the middle 95 % of that over sets of N pairs drawn from these with replacement."""
    n, random, found = len(x), np.random.Generator(np.random.Philox(key=SEED)), []
    at_a_time = max(1, _TOGETHER // n)
    for start in range(0, RESAMPLES, at_a_time):
        sets = min(at_a_time, RESAMPLES - start)
        drawn = random.integers(n, size=(sets, n)) + n * np.arange(sets)[:, None]
        found.append(_rank_correlations(x, y, np.bincount(drawn.ravel(), minlength=sets * n).reshape(sets, n)))
    return _middle(np.concatenate(found))


def _rank_correlations(x: np.ndarray, y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """That of sets in each of which a pair stands so many times (sets, N): (sets,)."""
    middle = (times.sum(1, keepdims=True) + 1) / 2
    a, b = (_ranks(side, times) - middle for side in (x, y))
    scale = np.sqrt((times * a * a).sum(1) * (times * b * b).sum(1))
    return np.divide((times * a * b).sum(1), scale, out=np.zeros(len(times)), where=scale > 0)


def _ranks(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The rank of each of the values (N,), from 1, in such sets: (sets, N)."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(which, kind="stable")
    equal = np.add.reduceat(times[:, order], np.cumsum(counts) - counts, axis=1)
    return (equal.cumsum(1) - equal + (equal + 1) / 2)[:, which]


def _middle(values: np.ndarray) -> list[float]:
    return [float(end) for end in np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])]


@dataclass(frozen=True)
class Difference:
    """A figure minus that of a baseline.

    Attributes:
        mean: Of the seeds' differences, or of the sides' means where seeds are not the same.
        margin: Half-width of the interval around the mean; None where nothing is known of it.
        why: Why nothing can be said, or that there is no difference with any seed; empty otherwise.
        each: The differences seed by seed; empty where seeds are not the same.
    """

    mean: float
    margin: float | None
    why: str = ""
    each: tuple[float, ...] = ()

    @property
    def low(self) -> float:
        return self.mean - self.margin

    @property
    def high(self) -> float:
        return self.mean + self.margin

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies above or below 0: beyond noise; 0 otherwise."""
        beyond = self.margin is not None and abs(self.mean) > self.margin
        return int(math.copysign(1, self.mean)) if beyond else 0

    @property
    def ahead(self) -> int:
        """In how many of `each` the figure is above the baseline's."""
        return sum(value > ROUNDING for value in self.each)


def difference(own: Scores, baseline: Scores, comparisons: int = 1) -> Difference:
    """Compare a figure with a baseline's, by the rule above.

    Args:
        own: By seed, all finite, at least one. With the scores of each image on both sides the images' noise counts,
            with the figures alone on one side or both they are held fixed.
        baseline: The same of the baseline, of the same images; under None alone where no seed made it.
        comparisons: How many are compared with this baseline, from 1.
    """
    if baseline.keys() == {None}:
        baseline = dict.fromkeys(own, baseline[None])
    paired = own.keys() == baseline.keys()
    sides = [np.array([side[seed] for seed in (own if paired else side)], float) for side in (own, baseline)]
    if sides[0].ndim != sides[1].ndim:
        sides = [_by_seed(side) for side in sides]
    samples = [sides[0] - sides[1]] if paired else [sides[0], -sides[1]]
    mean = float(sum(sample.mean() for sample in samples))
    each = tuple(_by_seed(samples[0]).tolist()) if paired else ()
    if paired and all(abs(value) < ROUNDING for value in each):
        return Difference(mean, None, "no difference", each)
    if any(len(sample) < 2 for sample in samples):
        return Difference(mean, None, ONE_SEED, each)
    if samples[0].ndim == 2 and samples[0].shape[1] < 2:
        return Difference(mean, None, "one image only", each)
    margin = _margin([*map(_of_seeds, samples), *_of_images(samples)], comparisons)
    return Difference(mean, margin, each=each) if margin > ROUNDING else Difference(mean, None, "no spread", each)


def _by_seed(scores: np.ndarray) -> np.ndarray:
    """Means (n,) of scores (n, N); figures (n,) as they are."""
    return scores.mean(1) if scores.ndim == 2 else scores


def _of_seeds(sample: np.ndarray) -> Noise:
    return _by_seed(sample).var(ddof=1) / len(sample), len(sample) - 1


def _of_images(samples: list[np.ndarray]) -> list[Noise]:
    """That of other images, for samples (n, N) of one or two sides; none where there are no scores of images.

    The variance over images alone, which McNemar's test has, holds a share of the seeds' noise: that is taken out.
    """
    if samples[0].ndim == 1:
        return []
    images = samples[0].shape[1]
    variance = sum(sample.mean(0) for sample in samples).var(ddof=1)
    for sample in samples:
        rest = sample - sample.mean(0) - sample.mean(1, keepdims=True) + sample.mean()
        variance -= np.square(rest).sum() / (len(sample) - 1) / (images - 1) / len(sample)
    return [(max(variance, 0.0) / images, images - 1)]


def _margin(sources: list[Noise], comparisons: int) -> float:
    """Half-width of the interval in which a difference with these sources of noise lies."""
    from scipy.special import stdtrit  # a fifth of a second, which steps that only sum up need not wait for

    known = [(variance, freedom) for variance, freedom in sources if variance > 0]
    if not known:
        return 0.0
    total = sum(variance for variance, _ in known)
    both = total, 1 / sum((variance / total) ** 2 / freedom for variance, freedom in known)
    level = 1 - (1 - CONFIDENCE) / comparisons / 2
    return float(max(stdtrit(freedom, level) * math.sqrt(variance) for variance, freedom in [*known, both]))


def error_of_accuracy(accuracy: float, images: int) -> float:
    """Standard error of an accuracy (0 to 1) on so many images, which are a sample of their kind."""
    return math.sqrt(accuracy * (1 - accuracy) / images)
