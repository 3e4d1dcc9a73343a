"""How an arm compares with another."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from benchmarks.mining.arms import RANDOM
from benchmarks.mining.tasks import Task
from contraflow.evaluation.hits import Hits
from contraflow.statistics import Difference, difference


@dataclass(frozen=True)
class Trained:
    """An arm at its own temperature.

    Attributes:
        rows: Of its trainings, by seed.
        tried: By temperature the figure of the held-out images that chose it, 0 to 1, mean over the seeds that choose.
    """

    rows: Mapping[int, Mapping[str, object]]
    tau: float
    tried: Mapping[float, float]

    def mean(self, column: str) -> float:
        """Over the seeds; not a number where the arm has nothing of the kind."""
        return fmean(float("nan") if row[column] is None else row[column] for row in self.rows.values())

    @property
    def seconds(self) -> float:
        """Of all processors, for a training with all its mining."""
        return self.mean("training_seconds") + self.mean("mining_seconds")


@dataclass(frozen=True)
class Judged:
    """What an arm gains over `RANDOM`.

    Attributes:
        gains: By figure: its differences, each interval taken alone.
        signs: By figure: 1 or -1 beyond noise where all comparisons of the task hold at once, else 0.
        fewer: By which share fewer images are wrong by the figure that judges; 0 where none was. The interval is over
            seeds, test images held fixed.
        per_minute: Gain by that figure for each minute of processor time that the arm takes more; not a number where
            it takes none.
    """

    gains: Mapping[str, Difference]
    signs: Mapping[str, int]
    fewer: Difference
    per_minute: float


def judge(task: Task, found: Mapping[str, Trained]) -> dict[str, Judged]:
    """Every arm but `RANDOM`, which is among them, beside it."""
    others = [arm for arm in found if arm != RANDOM]
    return {arm: _judged(task, found[arm], found[RANDOM], len(others) * len(task.figures)) for arm in others}


def _judged(task: Task, own: Trained, baseline: Trained, comparisons: int) -> Judged:
    sides = {figure: [_scores(side, figure, task.judged_by) for side in (own, baseline)] for figure in task.figures}
    gains = {figure: difference(*pair) for figure, pair in sides.items()}
    wrong, usual = ({seed: 1 - row[task.judged_by] for seed, row in side.rows.items()} for side in (own, baseline))
    more = (own.seconds - baseline.seconds) / 60
    return Judged(
        gains=gains,
        signs={figure: difference(*pair, comparisons).sign for figure, pair in sides.items()},
        fewer=difference({seed: 1 - wrong[seed] / usual[seed] if usual[seed] else 0.0 for seed in wrong}, {None: 0.0}),
        per_minute=gains[task.judged_by].mean / more if more > 0 else float("nan"),
    )


def _scores(trained: Trained, figure: str, judged_by: str) -> dict[int, float] | dict[int, np.ndarray]:
    """A figure by seed; of the one that judges, whether it was right with each image."""
    if figure != judged_by:
        return {seed: row[figure] for seed, row in trained.rows.items()}
    return {seed: Hits(images=row["images"], draws=1, bits=row["found"]).scores() for seed, row in trained.rows.items()}
