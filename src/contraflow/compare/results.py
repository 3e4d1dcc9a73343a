"""The figures of the runs side by side, and each one's difference to the baseline."""

import math
from collections.abc import Sequence

from contraflow.baseline.measures import LINEAR, SCORED, Measure, change, headline, measures
from contraflow.compare.experiment import Experiment
from contraflow.pages.numbers import MISSING, fixed
from contraflow.statistics import spread


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
    """A cell's texts: `value`, `n` seeds (0 where it was not measured), `change` (None where nothing is compared)."""
    if not measure.known(run):
        return {"value": MISSING, "n": 0, "change": None}
    baseline, found = experiments[0], spread(list(measure.of(run).values()))
    gap = None if run is baseline else change(measure, run, baseline, len(experiments) - 1)
    return {"value": measure.figure(found), "n": found["n"], "change": gap}


def strips(experiments: Sequence[Experiment]) -> dict | None:
    """What runs are judged by, a dot a seed, as positions (per cent of the width) on one axis, under a `title`.

    None where fewer than two runs have it.
    """
    judged_by = headline(experiments[0])
    shown = [run for run in experiments if judged_by.known(run)]
    if len(shown) < 2:
        return None
    values = [value for run in shown for value in judged_by.of(run).values()]
    margin = max(0.08 * (max(values) - min(values)), 0.002)
    least = -1.0 if judged_by.key in SCORED else 0.0  # a correlation, or an accuracy
    low, high = max(least, min(values) - margin), min(1.0, max(values) + margin)

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    step = next(step for step in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / step <= 6)
    first = math.floor(low / step) + 1
    ticks = [step * number for number in range(first, int(high / step + 1e-9) + 1)]
    return {
        "title": _title(judged_by),
        "rows": [
            {
                "name": run.name,
                "number": experiments.index(run),
                "dots": sorted(at(value) for value in judged_by.of(run).values()),
                "mean": at(judged_by.mean(run)),
            }
            for run in shown
        ],
        "ticks": [{"at": at(tick), "text": fixed(100 * tick, 1 if step < 0.01 else 0)} for tick in ticks],
    }


def _title(judged_by: Measure) -> str:
    if judged_by.key in SCORED:
        return f"{judged_by.name}, {judged_by.note}"
    name = "Accuracy of the linear probe" if judged_by.key == LINEAR.key else judged_by.name
    return f"{name} on the test images, %"
