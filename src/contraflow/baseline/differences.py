"""What differs between runs in their parameters, also from those shipped, and in how they were measured."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contraflow.baseline.measured import Measured
from contraflow.pages.numbers import MISSING, words
from contraflow.params import Params
from contraflow.settings.values import ABSENT, flat


def parameters(runs: Sequence[Measured]) -> list[dict]:
    """One row a parameter that is not the same everywhere: its name, and its value in each run, marked where other."""
    return differing(compared_rows([run.params for run in runs], words))


def differing(rows: list[dict]) -> list[dict]:
    """Those of the rows in which not every run is like the first."""
    return [row for row in rows if any(cell["other"] for cell in row["cells"])]


def compared_rows(tables: Sequence[Mapping[str, Any]], text: Callable[[Any], str]) -> list[dict]:
    """One row a key that any of the runs' tables has: its name, and the `text` of its value in each run, marked where
    it is other than in the first.
    """

    def cells(name: str) -> list[dict]:
        values = [table.get(name, ABSENT) for table in tables]
        return [{"text": MISSING if value is ABSENT else text(value), "other": value != values[0]} for value in values]

    return [{"name": name, "cells": cells(name)} for name in dict.fromkeys(name for table in tables for name in table)]


def measured_alike(run: Measured, baseline: Measured) -> list[str]:
    """Why the accuracies of two runs are not of the same kind, in words; empty where they are."""
    found = [] if run.test_images == baseline.test_images else ["on other test images"]
    keys = sorted(row["name"] for row in parameters([baseline, run]) if row["name"].startswith("eval."))
    return found + ([f"with other {', '.join(keys)}"] if keys else [])


def sections(params: Params) -> list[dict]:
    """Each section of the parameters with its `settings`, single values first under the name `run`.

    A setting has `name` and `value`, and `default` where it differs from it, all in words.
    """
    defaults = dict(flat(Params().model_dump()))
    found: dict[str, list[dict]] = {"run": []}
    for key, value in flat(params.model_dump()):
        section, _, name = key.partition(".")
        setting = {"name": name or key, "value": words(value)}
        if value != defaults.get(key, ABSENT):
            setting["default"] = words(defaults.get(key, "none"))
        found.setdefault(section if name else "run", []).append(setting)
    return [{"name": name, "settings": settings} for name, settings in found.items()]
