"""What differs between runs in their parameters, and in how they were measured."""

from collections.abc import Sequence

from contraflow.baseline.measured import Measured
from contraflow.pages.numbers import MISSING, words

_ABSENT = object()


def parameters(runs: Sequence[Measured]) -> list[dict]:
    """One row a parameter that is not the same everywhere: its name, and its value in each run, marked where other."""
    names = dict.fromkeys(name for run in runs for name in run.params)
    found = []
    for name in names:
        values = [run.params.get(name, _ABSENT) for run in runs]
        if any(value != values[0] for value in values):
            cells = [
                {"text": MISSING if value is _ABSENT else words(value), "other": value != values[0]} for value in values
            ]
            found.append({"name": name, "cells": cells})
    return found


def measured_alike(run: Measured, baseline: Measured) -> list[str]:
    """Why the accuracies of two runs are not of the same kind, in words; empty where they are."""
    found = [] if run.test_images == baseline.test_images else ["on other test images"]
    keys = sorted(
        name
        for name in run.params.keys() | baseline.params.keys()
        if name.startswith("eval.") and run.params.get(name, _ABSENT) != baseline.params.get(name, _ABSENT)
    )
    return found + ([f"with other {', '.join(keys)}"] if keys else [])
