"""Whether two runs differ by more than their seeds do.

A run is a sample of trainings, one a seed. Where both runs have the same seeds, the differences seed by seed are one
sample, and its mean has Student's interval; where they have not, Welch's interval for two samples of unequal variance.
With several runs against one baseline each interval is wide enough that all of them hold at once with probability 0.95
(Bonferroni). The test images are the same for all and held fixed: other images are a source of noise left out here.

Student 1908, "The Probable Error of a Mean", Biometrika 6; Welch 1947, "The Generalization of 'Student's' Problem when
Several Different Population Variances are Involved", Biometrika 34; Dunn 1961, "Multiple Comparisons Among Means",
JASA 56; on seeds as the least sources of noise: Bouthillier et al. 2021, "Accounting for Variance in Machine Learning
Benchmarks", MLSys.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev, variance

from scipy.special import stdtrit

CONFIDENCE = 0.95
ROUNDING = 1e-9  # a spread below it is that of floating point, not of seeds


@dataclass(frozen=True)
class Difference:
    """A run minus the baseline in one figure.

    Attributes:
        mean: Of the seeds' differences, or of the runs' means where seeds are not the same.
        paired: Whether it was taken seed by seed.
        margin: Half-width of the interval around the mean; None where the seeds say nothing of it.
        why: Why nothing can be said, or that there is no difference with any seed; empty otherwise.
    """

    mean: float
    paired: bool
    margin: float | None = None
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
    """Compare two runs in one figure.

    Args:
        own: The figure of the run by seed, all finite, at least one.
        baseline: The same of the baseline.
        comparisons: How many runs are compared with this baseline, from 1.
    """
    paired = own.keys() == baseline.keys()
    mean = fmean(own.values()) - fmean(baseline.values())
    if paired and all(abs(own[seed] - baseline[seed]) < ROUNDING for seed in own):
        return Difference(mean, paired, why="no difference")
    if len(own) < 2 or len(baseline) < 2:
        return Difference(mean, paired, why="one seed only")
    if paired:
        freedom = len(own) - 1
        error = stdev(own[seed] - baseline[seed] for seed in own) / math.sqrt(len(own))
    else:
        parts = [variance(figures.values()) / len(figures) for figures in (own, baseline)]
        error = math.sqrt(sum(parts))
        squares = sum(part**2 / (len(figures) - 1) for part, figures in zip(parts, (own, baseline), strict=True))
        freedom = sum(parts) ** 2 / squares if squares else math.inf
    if error < ROUNDING:
        return Difference(mean, paired, why="no spread over seeds")
    quantile = float(stdtrit(freedom, 1 - (1 - CONFIDENCE) / comparisons / 2))
    return Difference(mean, paired, quantile * error)
