"""Figures of several seeds, summed up."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

import numpy as np

from contraflow.evaluation.results import Evaluation, Extra
from contraflow.statistics import spread


def summarise_evaluations(evaluations: Iterable[Evaluation]) -> dict:
    """Spread over seeds of every figure, by representation; those on validation images under `validation`.

    Accuracies on the test images have their bootstrap interval too: `low` and `high`, the means of its ends over seeds.
    What a random order gets in retrieval, whatever is measured, stands under `chance`.
    """
    found = defaultdict(list)
    for evaluation in evaluations:
        found[evaluation.representation].append(evaluation)
    summary = {
        name: _with_ends(_over_seeds([_figures(each) for each in by_seed]), by_seed) for name, by_seed in found.items()
    }
    chance = {name: spread([value]) for (first, *_) in found.values() for name, value in first.chance.items()}
    validation = {name: _over_seeds([each.validation for each in by_seed]) for name, by_seed in found.items()}
    beside = {"chance": chance} if chance else {}
    return summary | beside | ({"validation": validation} if any(validation.values()) else {})


def _figures(evaluation: Evaluation) -> dict[str, float]:
    """All figures of the test images that were measured."""
    shape = {"alignment": evaluation.alignment, "uniformity": evaluation.uniformity}
    shape["ece"] = evaluation.calibration.ece if evaluation.calibration else None
    return evaluation.test | {name: value for name, value in shape.items() if value is not None}


def summarise_rounds(measured: Iterable[tuple[int, dict[str, float]]]) -> list[dict]:
    """Spread over seeds of every figure by round, from the figures of one seed and round by name."""
    table: dict = defaultdict(lambda: defaultdict(list))
    for number, figures in measured:
        for name, value in figures.items():
            table[number][name].append(value)
    return [
        {"round": number, **{name: spread(figures[name]) for name in sorted(figures)}}
        for number, figures in sorted(table.items())
    ]


def same_class_share(anchor: np.ndarray, negative: np.ndarray, labels: np.ndarray) -> float:
    """Share of negatives (M, k) that have their anchor's (M,) own class; all are indices into `labels`, or -1 for none.

    Pairs of which one has no label (-1) are left aside; 0 where no others are.
    """
    own, others = np.broadcast_to(labels[anchor][:, None], negative.shape), labels[negative]
    known = (own >= 0) & (others >= 0) & (negative >= 0)
    return float((own == others)[known].mean()) if known.any() else 0.0


def summarise_extras(extras: Iterable[Extra]) -> dict:
    """Spread over seeds of every figure, by kind and by representation; figures are alike for all seeds. What has a
    bootstrap interval has it as in `summarise_evaluations`.
    """
    found: dict = {}
    for extra in extras:
        found.setdefault(extra.kind, {}).setdefault(extra.representation, []).append(extra)
    return {
        kind: {
            name: _with_ends(_over_seeds([each.figures for each in by_seed]), by_seed)
            for name, by_seed in representations.items()
        }
        for kind, representations in found.items()
    }


def _with_ends(summary: dict, by_seed: Sequence[Evaluation | Extra]) -> dict:
    """With the ends of intervals, `low` and `high`, the means over seeds."""
    for name in by_seed[0].intervals:
        low, high = (fmean(end) for end in zip(*(each.intervals[name] for each in by_seed), strict=True))
        summary[name] |= {"low": low, "high": high}
    return summary


def _over_seeds(figures: list) -> dict:
    if isinstance(figures[0], dict):
        return {name: _over_seeds([each[name] for each in figures]) for name in figures[0]}
    return spread(figures)
