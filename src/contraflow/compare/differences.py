"""What differs between runs other than parameters and results: code, data."""

from collections.abc import Sequence

from contraflow.baseline.differences import compared_rows, differing
from contraflow.compare.experiment import Experiment

CODE = "src/contraflow/"


def code_changes(experiments: Sequence[Experiment]) -> list[dict]:
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
    made = [{name: stage.outputs for name, stage in run.stages.items()} for run in experiments]
    return compared_rows(made, lambda outputs: " ".join(digest[:7] for digest in outputs.values()))


def inputs(experiments: Sequence[Experiment]) -> list[dict]:
    """One row a file or folder from outside (a user's images) that is not the same everywhere, as in `stages`."""
    read = [_from_outside(run) for run in experiments]
    return differing(compared_rows(read, lambda digest: digest[:7]))


def _from_outside(run: Experiment) -> dict[str, str]:
    made = {path for stage in run.stages.values() for path in stage.outputs}
    return {path: md5 for stage in run.stages.values() for path, md5 in stage.inputs.items() if path not in made}
