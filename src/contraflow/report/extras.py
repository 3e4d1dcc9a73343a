"""The extra evaluations, each as a table with the words on how it was measured."""

from contraflow.evaluation.settings import Asked
from contraflow.report.run import Run
from contraflow.report.summary import NAMES, measures


def tables(run: Run) -> list[dict]:
    """One table a kind that was asked for: `title`, `columns` and `rows` (each with `name` and `note`), in each row
    `cells` (mean, std and n), `guide` (what it shows, what is good, what is bad) and `protocol`.
    """
    return [
        {
            "title": asked.title,
            **(_by_case if asked.level else _by_representation)(run, asked, run.metrics[kind]),
            "guide": [words.format(data=run.card.name) for words in asked.guide],
            "protocol": run.extras[kind],
        }
        for kind, asked in run.params.eval.extras.items()
    ]


def _by_representation(run: Run, asked: Asked, found: dict) -> dict:
    """A row a representation, a column a figure."""
    figures = asked.figures or {measure.key: (measure.name, measure.note) for measure in measures(run)}
    return {
        "columns": [{"name": name, "note": note} for name, note in figures.values()],
        "rows": [
            {"name": asked.names.get(key, name), "cells": [found[key][figure] for figure in figures]}
            for key, name in NAMES.items()
            if key in found
        ],
    }


def _by_case(run: Run, asked: Asked, found: dict) -> dict:
    """A row a case and level, a column a representation and figure."""
    cases = [(case, level, figures) for case, levels in found["encoder"].items() for level, figures in levels.items()]
    shown = [(key, measure) for key in NAMES if key in found for measure in measures(run) if measure.key in cases[0][2]]
    return {
        "columns": [{"name": NAMES[key], "note": measure.name} for key, measure in shown],
        "rows": [
            {
                "name": asked.cases.get(case, case.replace("_", " ").capitalize()),
                "note": f"{asked.level} {level}" if int(level) else "",
                "cells": [found[key][case][level][measure.key] for key, measure in shown],
            }
            for case, level, _ in cases
        ],
    }
