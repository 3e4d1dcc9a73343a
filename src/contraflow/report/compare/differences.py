"""What differs between runs other than their results: parameters, code, data."""

from collections.abc import Sequence

from contraflow.report.compare.experiment import Experiment
from contraflow.report.numbers import MISSING
from contraflow.report.parameters import words

CODE = "src/contraflow/"
_ABSENT = object()


def parameters(experiments: Sequence[Experiment]) -> list[dict]:
    """One row a parameter that is not the same everywhere: its name, and its value in each run, marked where other."""
    names = dict.fromkeys(name for run in experiments for name in run.params)
    found = []
    for name in names:
        values = [run.params.get(name, _ABSENT) for run in experiments]
        if any(value != values[0] for value in values):
            cells = [
                {"text": MISSING if value is _ABSENT else words(value), "other": value != values[0]} for value in values
            ]
            found.append({"name": name, "cells": cells})
    return found


def code(experiments: Sequence[Experiment]) -> list[dict]:
    """For each run with other code than the baseline, its name and the `changes`: a module, how, in which stages.

    A module is new or gone where only one of the two runs has it in a stage.
    """
    baseline, found = experiments[0], []
    for run in experiments[1:]:
        changes: dict[tuple[str, str], list[str]] = {}
        for stage in run.stages.keys() & baseline.stages.keys():
            own, base = run.stages[stage].code, baseline.stages[stage].code
            for path in own.keys() | base.keys():
                if own.get(path) != base.get(path):
                    how = "new" if path not in base else "gone" if path not in own else "changed"
                    changes.setdefault((path.removeprefix(CODE), how), []).append(stage)
        order = list(run.stages)
        listed = [
            {"module": module, "how": how, "stages": sorted(stages, key=order.index)}
            for (module, how), stages in sorted(changes.items())
        ]
        if listed:
            found.append({"name": run.name, "changes": listed})
    return found


def stages(experiments: Sequence[Experiment]) -> list[dict]:
    """One row a stage: what each run made in it, as the first letters of a digest, and whether it is the baseline's."""
    names = dict.fromkeys(name for run in experiments for name in run.stages)
    found = []
    for name in names:
        made = [run.stages[name].outputs if name in run.stages else {} for run in experiments]
        cells = [
            {"text": " ".join(digest[:7] for digest in outputs.values()) or MISSING, "other": outputs != made[0]}
            for outputs in made
        ]
        found.append({"name": name, "cells": cells})
    return found


def inputs(experiments: Sequence[Experiment]) -> list[dict]:
    """One row a file or folder from outside (a user's images) that is not the same everywhere, as in `stages`."""
    read = [_from_outside(run) for run in experiments]
    paths = dict.fromkeys(path for found in read for path in found)
    rows = []
    for path in paths:
        digests = [found.get(path) for found in read]
        if any(digest != digests[0] for digest in digests):
            cells = [{"text": (digest or MISSING)[:7], "other": digest != digests[0]} for digest in digests]
            rows.append({"name": path, "cells": cells})
    return rows


def _from_outside(run: Experiment) -> dict[str, str]:
    made = {path for stage in run.stages.values() for path in stage.outputs}
    return {path: md5 for stage in run.stages.values() for path, md5 in stage.inputs.items() if path not in made}


def measured_alike(run: Experiment, baseline: Experiment) -> list[str]:
    """Why the accuracies of two runs are not of the same kind, in words; empty where they are."""
    found = [] if run.test_images == baseline.test_images else ["on other test images"]
    keys = sorted(
        name
        for name in run.params.keys() | baseline.params.keys()
        if name.startswith("eval.") and run.params.get(name, _ABSENT) != baseline.params.get(name, _ABSENT)
    )
    return found + ([f"with other {', '.join(keys)}"] if keys else [])
