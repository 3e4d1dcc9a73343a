"""Figures of several seeds, summed up."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

import numpy as np

from contraflow.evaluation.results import Evaluation, Extra
from contraflow.statistics import spread


def summarise_evaluations(evaluations: Iterable[Evaluation]) -> dict:
    """Spread over seeds of every figure, by representation; those on validation images under `validation`.

    Accuracies on the test images have their bootstrap interval too: `low` and `high`, the means of its ends over seeds.
    """
    test: dict = defaultdict(lambda: defaultdict(list))
    validation: dict = defaultdict(lambda: defaultdict(list))
    intervals: dict = defaultdict(lambda: defaultdict(list))
    for evaluation in evaluations:
        shape = {"alignment": evaluation.alignment, "uniformity": evaluation.uniformity}
        other = {name: value for name, value in shape.items() if value is not None}
        if evaluation.calibration:
            other["ece"] = evaluation.calibration.ece
        for table, figures in (
            (test, evaluation.test | other),
            (intervals, evaluation.intervals),
            (validation, evaluation.validation),
        ):
            for name, value in figures.items():
                table[evaluation.representation][name].append(value)
    summary = _spreads(test)
    for representation, figures in intervals.items():
        for name, ends in figures.items():
            low, high = (fmean(end) for end in zip(*ends, strict=True))
            summary[representation][name] |= {"low": low, "high": high}
    return summary | {"validation": _spreads(validation)} if validation else summary


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
    """Share of negatives (M, k) that have their anchor's (M,) own class; all are indices into `labels`.

    Pairs of which one has no label (-1) are left aside; 0 where no others are.
    """
    own, others = np.broadcast_to(labels[anchor][:, None], negative.shape), labels[negative]
    known = (own >= 0) & (others >= 0)
    return float((own == others)[known].mean()) if known.any() else 0.0


def _spreads(table: dict) -> dict:
    return {
        representation: {name: spread(values) for name, values in figures.items()}
        for representation, figures in table.items()
    }


def summarise_extras(extras: Iterable[Extra]) -> dict:
    """Spread over seeds of every figure, by kind and by representation; figures are alike for all seeds."""
    found: dict = {}
    for extra in extras:
        found.setdefault(extra.kind, {}).setdefault(extra.representation, []).append(extra.figures)
    return {
        kind: {name: _over_seeds(by_seed) for name, by_seed in representations.items()}
        for kind, representations in found.items()
    }


def _over_seeds(figures: list) -> dict:
    if isinstance(figures[0], dict):
        return {name: _over_seeds([each[name] for each in figures]) for name in figures[0]}
    return spread(figures)
