"""The statistics behind every claim: how figures spread over seeds, how far an accuracy would move with other test
images, and when a difference is beyond chance.

Two rules judge differences. The comparison of runs takes a run for a sample of trainings, one a seed. Where both runs
have the same seeds, the differences seed by seed are one sample, and its mean has Student's interval; where they have
not, Welch's interval for two samples of unequal variance. With several runs against one baseline each interval is wide
enough that all of them hold at once with probability 0.95 (Bonferroni). The test images are the same for all and held
fixed: other images are a source of noise left out there. The report judges within one run, by two standard errors.

Student 1908, "The Probable Error of a Mean", Biometrika 6; Welch 1947, "The Generalization of 'Student's' Problem when
Several Different Population Variances are Involved", Biometrika 34; Dunn 1961, "Multiple Comparisons Among Means",
JASA 56; Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13; on seeds as the least sources of
noise: Bouthillier et al. 2021, "Accounting for Variance in Machine Learning Benchmarks", MLSys.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 0
ROUNDING = 1e-9  # a spread below it is that of floating point, not of seeds


def spread(values: Sequence[float]) -> dict:
    """Mean, standard deviation of a sample (n - 1 in the denominator; 0 for one value) and number of values."""
    return {"mean": fmean(values), "std": stdev(values) if len(values) > 1 else 0.0, "n": len(values)}


def bootstrap_interval(scores: np.ndarray) -> list[float]:
    """The middle 95 % of the means of `scores` (N,) over sets of N images drawn from these N with replacement.

    Images with equal scores can stand for each other, so all that is drawn is how many of each score there are: a
    multinomial, whatever N is.

    Args:
        scores: One an image: 1 or 0 for a class named rightly or not, or the share of several classifiers that did.

    Returns:
        Lower and upper end.
    """
    values, counts = np.unique(scores, return_counts=True)
    random = np.random.Generator(np.random.Philox(key=SEED))
    means = random.multinomial(len(scores), counts / len(scores), RESAMPLES) @ values / len(scores)
    return [float(end) for end in np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])]


@dataclass(frozen=True)
class Difference:
    """A figure minus that of a baseline.

    Attributes:
        mean: Of the seeds' differences, or of the runs' means where seeds are not the same.
        margin: Half-width of the interval around the mean; None where nothing is known of it.
        why: Why nothing can be said, or that there is no difference with any seed; empty otherwise.
    """

    mean: float
    margin: float | None
    why: str = ""

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


def difference(own: Mapping[int, float], baseline: Mapping[int, float], comparisons: int = 1) -> Difference:
    """Compare two runs in one figure, by Student's interval or Welch's.

    Args:
        own: The figure of the run by seed, all finite, at least one.
        baseline: The same of the baseline.
        comparisons: How many runs are compared with this baseline, from 1.
    """
    mean = fmean(own.values()) - fmean(baseline.values())
    paired = own.keys() == baseline.keys()
    if paired and all(abs(own[seed] - baseline[seed]) < ROUNDING for seed in own):
        return Difference(mean, None, "no difference")
    if len(own) < 2 or len(baseline) < 2:
        return Difference(mean, None, "one seed only")
    from scipy import stats  # half a second, which steps that only sum up need not wait for

    with warnings.catch_warnings():
        # Seeds that all came to the same figure are told as a loss of precision; no spread is answered for below.
        warnings.simplefilter("ignore", RuntimeWarning)
        if paired:
            test = stats.ttest_rel([own[seed] for seed in baseline], list(baseline.values()))
        else:
            test = stats.ttest_ind(list(own.values()), list(baseline.values()), equal_var=False)
        low, high = test.confidence_interval(1 - (1 - CONFIDENCE) / comparisons)
    margin = float(high - low) / 2
    return Difference(mean, margin) if margin > ROUNDING else Difference(mean, None, "no spread over seeds")


def error_of_accuracy(accuracy: float, images: int) -> float:
    """Standard error of an accuracy (0 to 1) on so many images, which are a sample of their kind."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


def error_of_mean(std: float, n: int) -> float:
    """Standard error of a mean over n seeds with the standard deviation `std`."""
    return std / math.sqrt(n)


def two_standard_errors(*errors: float) -> float:
    """The margin of a difference in which these standard errors, independent of each other, add up."""
    return 2 * math.hypot(*errors)
