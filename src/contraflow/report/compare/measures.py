"""The figures of the runs side by side, and each one's difference to the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from contraflow.report.compare.experiment import Experiment
from contraflow.report.compare.significance import Difference, difference
from contraflow.report.numbers import MISSING, NBSP, fixed, is_number, points

GEOMETRY = {"alignment": "0 is best", "uniformity": "lower is more spread out"}


@dataclass(frozen=True)
class Measure:
    """One figure of an encoder: its key in an evaluation, the images it is of, and its name.

    Attributes:
        split: `test` or `validation` for accuracies, empty for the shape of the features.
    """

    key: str
    split: str
    name: str
    note: str

    def of(self, experiment: Experiment) -> dict[int, float | None]:
        """The figure of a run by seed, None where it was not measured."""
        contents = experiment.evaluations.items()
        return {seed: (content[self.split] if self.split else content).get(self.key) for seed, content in contents}

    def known(self, experiment: Experiment) -> bool:
        """Whether the figure is a number for every seed."""
        return all(map(is_number, self.of(experiment).values()))

    def mean(self, experiment: Experiment) -> float:
        return fmean(self.of(experiment).values())

    def difference(self, experiment: Experiment, baseline: Experiment, comparisons: int) -> Difference:
        """The figure of a run minus that of the baseline; both are known."""
        return difference(self.of(experiment), self.of(baseline), comparisons)

    def figure(self, value: float) -> str:
        """As a person reads it: accuracies in per cent."""
        return fixed(100 * value) if self.split else fixed(value, 3)

    def change(self, value: float) -> str:
        """A difference with its sign: accuracies in points."""
        return points(value, 2) if self.split else points(value / 100, 3)


LINEAR = Measure("linear", "test", "Linear probe", "%, test images")
CHOOSING = Measure("linear", "validation", "Linear probe", "%, validation images")


def measures(experiments: Sequence[Experiment]) -> list[Measure]:
    """The figures that any of the runs has, in one order: probe, k-NN by rising k, shape of the features."""
    contents = [content for experiment in experiments for content in experiment.evaluations.values()]
    keys = {key for content in contents for key in content["test"]}
    neighbours = sorted((key for key in keys if key.startswith("knn")), key=lambda key: int(key.removeprefix("knn")))
    found = [LINEAR, CHOOSING] if "linear" in keys else []
    found += [Measure(key, "test", f"{key.removeprefix('knn')}-NN", "%, test images") for key in neighbours]
    shape = [key for key in GEOMETRY if any(is_number(content.get(key)) for content in contents)]
    return found + [Measure(key, "", key.capitalize(), GEOMETRY[key]) for key in shape]


def rows(experiments: Sequence[Experiment]) -> list[dict]:
    """One row a run: name, state in a word, and for each measure a cell with its difference to the first run."""
    found = []
    for run in experiments:
        words = ["baseline"] if run is experiments[0] else []
        words += ["failed"] if run.failures() else ["collapsed"] if run.collapse() else []
        cells = [_cell(measure, run, experiments) for measure in measures(experiments)]
        found.append({"name": run.name, "state": ", ".join(words), "cells": cells})
    return found


def _cell(measure: Measure, run: Experiment, experiments: Sequence[Experiment]) -> dict:
    """A cell's texts; `change`, `interval` and `judgement` are empty where nothing is compared."""
    baseline = experiments[0]
    cell = {"value": MISSING, "n": 0, "change": "", "interval": "", "judgement": "", "sign": 0}
    if not measure.known(run):
        return cell
    values = list(measure.of(run).values())
    spread = f" ±{NBSP}{measure.figure(stdev(values))}" if len(values) > 1 else ""
    cell |= {"value": measure.figure(fmean(values)) + spread, "n": len(values)}
    if run is baseline or not measure.known(baseline):
        return cell
    gap = measure.difference(run, baseline, len(experiments) - 1)
    cell |= {"change": measure.change(gap.mean), "judgement": judgement(gap), "sign": gap.sign}
    return cell | {"interval": interval(measure, gap)}


def judgement(gap: Difference) -> str:
    """Whether a difference is beyond noise, in a word or two."""
    return gap.why or ("beyond noise" if gap.sign else "within noise")


def interval(measure: Measure, gap: Difference) -> str:
    """The interval of a difference; empty where there is none."""
    return f"{measure.change(gap.low)} to {measure.change(gap.high)}" if gap.margin is not None else ""


def strips(experiments: Sequence[Experiment]) -> dict | None:
    """The linear probe on the test images, a dot a seed, as positions (per cent of the width) on one axis.

    None where fewer than two runs have it.
    """
    shown = [run for run in experiments if LINEAR.known(run)]
    if len(shown) < 2:
        return None
    values = [value for run in shown for value in LINEAR.of(run).values()]
    margin = max(0.08 * (max(values) - min(values)), 0.002)
    low, high = max(0.0, min(values) - margin), min(1.0, max(values) + margin)

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    step = next(step for step in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if (high - low) / step <= 6)
    first = int(low / step) + 1
    ticks = [step * number for number in range(first, int(high / step + 1e-9) + 1)]
    return {
        "rows": [
            {
                "name": run.name,
                "number": experiments.index(run),
                "dots": sorted(at(value) for value in LINEAR.of(run).values()),
                "mean": at(LINEAR.mean(run)),
            }
            for run in shown
        ],
        "ticks": [{"at": at(tick), "text": fixed(100 * tick, 1 if step < 0.01 else 0)} for tick in ticks],
    }
