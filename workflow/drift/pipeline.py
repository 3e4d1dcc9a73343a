"""dvc.yaml: the stages of the Snakefile as DVC sees them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from drift.code import Code, misfits
from drift.parameters import covered
from drift.plan import Job

HEADER = """\
# DVC decides by content whether a stage runs, Snakemake how. `python workflow/sync.py --fix` writes this file whole.
vars: [{nothing: ""}]
"""
PLOTS = Path("workflow/plots.yaml")
NOTHING = "nothing"  # empty text, as above: behind a path that looks like a number, it makes that text, as DVC wants
METRICS = "results/metrics.json"
STEP = "contraflow"


class _Short(yaml.SafeDumper):
    """Writes a list of one entry beside its key."""

    def represent_sequence(self, tag, sequence, flow_style=None):
        return super().represent_sequence(tag, sequence, flow_style=len(sequence) == 1)


class Pipeline:
    """What the rules, steps and settings come to.

    Args:
        root: The repository.
        rules: For each stage, from first to last, its rules that make something.
        jobs: Of a run that has a job of every rule.
        by_workflow: For each parameter that the rules themselves read the stages whose jobs it changes.
    """

    def __init__(self, root: Path, rules: dict[str, list[str]], jobs: list[Job], by_workflow: dict[str, set[str]]):
        self.root, self.rules, self.jobs, self.code = root, rules, jobs, Code(root)
        self.of_stage = {stage: [job for job in jobs if job.rule in makers] for stage, makers in rules.items()}
        self.outs = {stage: _outs(jobs) for stage, jobs in self.of_stage.items()}
        self.commands = {
            stage: sorted({_command(job) for job in jobs} & self.code.steps.keys())
            for stage, jobs in self.of_stage.items()
        }
        self.settings = {
            stage: [self.code.signature(name).settings for name in commands]
            for stage, commands in self.commands.items()
        }
        self.reads = {
            stage: {name for each in found for name in each.depends_on()}
            | {key for key, readers in by_workflow.items() if stage in readers}
            for stage, found in self.settings.items()
        }

    def text(self) -> str:
        """The whole file."""
        stages = {stage: self._stage(stage) for stage in self.rules}
        plots = (self.root / PLOTS).read_text(encoding="utf-8")
        return HEADER + yaml.dump({"stages": stages}, Dumper=_Short, sort_keys=False, width=4096) + plots

    def _stage(self, stage: str) -> dict:
        read = dict.fromkeys(Path(path) for job in self.of_stage[stage] for path in job.inputs)
        made = {out: other for other, outs in self.outs.items() for out in outs}
        above = [
            out for out, other in made.items() if other != stage and any(path.is_relative_to(out) for path in read)
        ]
        others = [str(path) for path in read if not any(path.is_relative_to(place) for place in ("src", *made))]
        outs = self.outs[stage]
        spec = {
            "cmd": " ".join(["snakemake", "--allowed-rules", *self.rules[stage], stage, "--", stage]),
            "deps": [
                *above,
                *dict.fromkeys(f"${{{name}}}${{{NOTHING}}}" for each in self.settings[stage] for name in each.files_of),
                *sorted(others),
                *self.code.run_by(self.commands[stage]),
            ],
            "params": sorted(name for name in self.reads[stage] if not covered(name, self.reads[stage] - {name})),
            "outs": [out for out in outs if out != METRICS],
        }
        return spec | ({"metrics": [METRICS]} if METRICS in outs else {})

    def problems(self) -> Iterator[str]:
        """What a person must change."""
        needed = {job.rule for job in self.jobs}
        for stage, rules in self.rules.items():
            for rule in rules:
                if rule not in needed:
                    yield f"workflow/rules/{stage}.smk: nothing needs the rule {rule}: let `rule {stage}` ask for it"
        for stage, outs in self.outs.items():
            for other, jobs in self.of_stage.items():
                for rule, path in ((job.rule, path) for job in jobs for path in job.outputs if other != stage):
                    if any(Path(path).is_relative_to(out) for out in outs):
                        yield f"workflow/rules/{other}.smk: rule {rule} makes {path}, which belongs to stage {stage}"
        for stage, jobs in self.of_stage.items():
            found = dict.fromkeys(says for job in jobs for says in self._misfits(job))
            yield from (f"workflow/rules/{stage}.smk: {says}" for says in found)

    def _misfits(self, job: Job) -> Iterable[str]:
        if not job.command.startswith(f"{STEP} "):
            return []
        if (command := _command(job)) not in self.code.steps:
            return [f"rule {job.rule} runs `{STEP} {command}`, which is no step: {', '.join(self.code.steps)}"]
        return misfits(job.rule, job.command.partition("2>&1")[0].split(), self.code.signature(command))


def _command(job: Job) -> str:
    """The name of the step that a job runs; empty where it runs something else."""
    program, *rest = job.command.split()
    return rest[0] if program == STEP and rest else ""


def _outs(jobs: list[Job]) -> list[str]:
    """Where jobs put their files: folders in `results`, and files directly in it."""
    return list(dict.fromkeys("/".join(path.split("/")[:2]) for job in jobs for path in job.outputs))
