"""The summary: every measure of the encoder beside the baselines, and what their differences are worth."""

import math
from dataclasses import dataclass
from statistics import fmean

from contraflow.baseline.measures import Measure
from contraflow.pages.numbers import is_number, times
from contraflow.report.run import Run
from contraflow.statistics import Difference, error_of_accuracy, error_of_mean, spread, two_standard_errors

NAMES = {
    "encoder": "Encoder",
    "untrained": "Untrained encoder",
    "raw_pixels": "Raw pixels",
    "pca_pixels": "Principal components",
    "supervised": "Supervised training",
}


@dataclass(frozen=True, kw_only=True)
class Gap(Difference):
    """Accuracy (0 to 1) of the encoder minus that of a baseline, on the test images.

    A seed's encoder is compared with the same seed's baseline where there is one.

    Attributes:
        std: Sample standard deviation over seeds, 0 for a single one.
        ahead: In how many seeds the encoder has the higher accuracy.
        n: Seeds.
    """

    std: float
    ahead: int
    n: int


def measures(run: Run) -> list[Measure]:
    """The accuracies of a run: the linear probe, the same on few labels, each k-NN in the order of the parameters."""
    linear, *knn = measures_by_round(run)
    draws = times(run.params.eval.few_draws, "draw")
    return [linear, *(Measure(key, f"of labels, {draws}") for key in run.params.eval.few), *knn]


def measures_by_round(run: Run) -> list[Measure]:
    """Those of the light measurement after each round."""
    knn = [Measure(f"knn{p.k}", f"k = {p.k}, τ = {p.tau:g}") for p in run.params.eval.knn]
    return [Measure("linear", "logistic regression"), *knn]


def accuracy(run: Run, representation: str, key: str, split: str = "test") -> dict | None:
    """Mean, std and n of one accuracy as `metrics.json` has it; None where it was not measured."""
    table = run.metrics if split == "test" else run.metrics.get(split, {})
    return table.get(representation, {}).get(key)


def difference(run: Run, key: str, baseline: str) -> Gap | None:
    """The encoder's accuracy against a baseline's; None where one of them is no number.

    The margin is twice the standard error of the difference: sqrt(p(1-p)/N + q(1-q)/N + s²/n), with p and q the two
    accuracies on N test images and s the standard deviation of the difference over n seeds. Both are measured on the
    same images, which makes their errors alike, so the margin is rather too wide than too narrow.
    """
    own = {seed: evaluation.test.get(key) for seed, evaluation in run.evaluations["encoder"].items()}
    base = {seed: evaluation.test.get(key) for seed, evaluation in run.evaluations[baseline].items()}
    if not own or not base or not all(map(is_number, [*own.values(), *base.values()])):
        return None
    common = fmean(base.values())
    each = [value - base.get(seed, common) for seed, value in own.items()]
    over_seeds, images = spread(each), run.card.test.images
    margin = two_standard_errors(
        error_of_accuracy(fmean(own.values()), images),
        error_of_accuracy(common, images),
        error_of_mean(over_seeds["std"], over_seeds["n"]),
    )
    ahead = sum(value > 0 for value in each)
    return Gap(over_seeds["mean"], margin, std=over_seeds["std"], ahead=ahead, n=over_seeds["n"])


def summary_rows(run: Run, split: str = "test") -> list[dict]:
    """One row a representation: its name, seeds, and for each measure the accuracy and the gain on raw pixels."""
    rows = []
    for representation, name in NAMES.items():
        if not run.evaluations[representation]:
            continue
        cells = []
        for measure in measures(run):
            value = accuracy(run, representation, measure.key, split)
            raw = accuracy(run, "raw_pixels", measure.key, split)
            known = value and raw and is_number(value["mean"]) and is_number(raw["mean"])
            gain = value["mean"] - raw["mean"] if known and representation != "raw_pixels" else None
            cells.append({"value": value, "gain": gain})
        rows.append({"key": representation, "name": name, "cells": cells})
    return rows


def round_rows(run: Run) -> list[dict]:
    """One row a round: number, accuracies on validation images as `measures_by_round`, shares of false negatives.

    A share is None in round 0, which mines nothing. Without labels there are no rows.
    """
    false = ("same_class_share", "same_class_first", "same_class_last")
    return [
        {
            "round": entry["round"],
            "accuracies": [entry.get(measure.key) for measure in measures_by_round(run)],
            "false": [entry.get(name) for name in false],
        }
        for entry in run.metrics.get("rounds", [])
    ]


def geometry_rows(run: Run) -> list[dict]:
    """One row a representation that has them: alignment and uniformity."""
    rows = [{"name": name, **run.metrics.get(key, {})} for key, name in NAMES.items()]
    return [row for row in rows if "alignment" in row and "uniformity" in row]


def protocol(run: Run) -> dict[str, str]:
    """How the encoder was measured, and what the baselines' features are."""
    words = dict(next(iter(run.evaluations["encoder"].values())).protocol)
    for name in NAMES:
        if name != "encoder" and run.evaluations[name]:
            words[NAMES[name]] = next(iter(run.evaluations[name].values())).protocol["features"]
    return words


def strips(run: Run) -> dict | None:
    """The accuracies as positions (per cent of the width) on a common axis; None without finite accuracies."""
    values = {
        (measure.key, name): value
        for measure in measures(run)
        for name in NAMES
        if (value := accuracy(run, name, measure.key)) and is_number(value["mean"])
    }
    if not values:
        return None
    step = 0.05
    low = max(0.0, step * math.floor(min(v["mean"] - v["std"] for v in values.values()) / step - 0.2))
    high = min(1.0, step * math.ceil(max(v["mean"] + v["std"] for v in values.values()) / step + 0.2))
    stride = step * max(1, round((high - low) / step / 5))

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    ticks = [low + i * stride for i in range(int((high - low) / stride + 1e-6) + 1)]
    rows = [
        {
            "measure": measure,
            "marks": [
                {
                    "key": name,
                    "at": at(v["mean"]),
                    "from": at(v["mean"] - v["std"]),
                    "to": at(v["mean"] + v["std"]),
                    **v,
                }
                for name in reversed(NAMES)
                if (v := values.get((measure.key, name)))
            ],
        }
        for measure in measures(run)
    ]
    return {"rows": rows, "ticks": [{"at": at(tick), "value": tick} for tick in ticks]}
