"""dvc.yaml beside the jobs of the rules: commands, outputs, dependencies and parameters of each stage."""

from collections.abc import Iterable, Iterator

from drift import Difference
from drift.code import Code
from drift.parameters import covered
from drift.plan import Job


def rules(stages: dict, rules_of: dict[str, list[str]], jobs: list[Job]) -> Iterator[Difference]:
    """Rule files and stages that lack each other, and rules that no run needs."""
    for name in sorted(rules_of.keys() - stages.keys()):
        yield Difference(f"dvc.yaml: workflow/rules/{name}.smk has no stage: add the stage {name} with its outs")
    for name in sorted(stages.keys() - rules_of.keys()):
        yield Difference(f"workflow/rules: the stage {name} of dvc.yaml has no {name}.smk: add it or remove the stage")
    needed = {job.rule for job in jobs}
    for name, rule in ((name, rule) for name, members in rules_of.items() for rule in members):
        if rule not in needed:
            yield Difference(f"workflow/rules/{name}.smk: nothing needs the rule {rule}: let `rule {name}` ask for it")


def command(name: str, stage: dict, makers: list[str]) -> Iterator[Difference]:
    """The rules that the command of a stage allows: those of its file that make something, and its target."""
    wanted, words = [*makers, name], stage["cmd"].split()
    start = words.index("--allowed-rules") + 1 if "--allowed-rules" in words else len(words)
    end = words.index("--", start) if "--" in words[start:] else len(words)
    allowed = words[start:end]
    for rule in (rule for rule in wanted if rule not in allowed):
        yield Difference(f"dvc.yaml: the cmd of stage {name} does not allow the rule {rule}: add it", derived=True)
    for rule in (rule for rule in allowed if rule not in wanted):
        says = f"dvc.yaml: the cmd of stage {name} allows {rule}, which makes nothing there: remove it"
        yield Difference(says, derived=True)
    if set(allowed) != set(wanted):
        before = words[:start] if allowed else ["snakemake", "--allowed-rules"]
        stage["cmd"] = " ".join([*before, *wanted, "--", name])


def outputs(stages: dict, jobs_of: dict[str, list[Job]]) -> Iterator[Difference]:
    """Files that rules make and the outs that hold them: each in one of its own stage and in no other."""
    for name, jobs in jobs_of.items():
        made = {path: job.rule for job in jobs for path in job.outputs}
        for path, rule in made.items():
            holders = [other for other in stages if any(_holds(out, path) for out in outs(stages[other]))]
            if name not in holders:
                yield Difference(f"dvc.yaml: rule {rule} makes {path}, which is in no out of stage {name}: add it")
            for other in holders:
                if other != name:
                    yield Difference(f"dvc.yaml: {path} is made in stage {name}, but an out of {other} holds it too")
        for out in outs(stages[name]):
            if not any(_holds(out, path) for path in made):
                yield Difference(f"dvc.yaml: stage {name} lists the out {out}, which no rule of it makes: remove it")


def steps(name: str, jobs: list[Job], code: Code) -> Iterator[Difference]:
    """Rules that run a step without naming it as their input `code`, by which both engines see that it changed."""
    for rule, inputs, command in sorted({(job.rule, job.inputs, job.command) for job in jobs}):
        program, _, rest = command.partition(" ")
        step = code.run_by(rest.split()[0]) if program == "contraflow" and rest else None
        if step and step not in inputs:
            yield Difference(f"workflow/rules/{name}.smk: rule {rule} runs {step}: name it as its input `code`")


def dependencies(name: str, stages: dict, jobs: list[Job], code: Code, reads: set[str]) -> Iterator[Difference]:
    """What the jobs of a stage read, as far as others made it, and all that their steps import."""
    read = dict.fromkeys(path for job in jobs for path in job.inputs)
    above = {out: other for other in stages if other != name for out in outs(stages[other])}
    wanted = [out for out in above if any(_holds(out, path) for path in read)]
    made = [out for other in stages for out in outs(stages[other])]
    others = {path for path in read if not any(_holds(out, path) for out in made)}
    modules = code.imported_by({path for path in others if path.startswith("src/")})
    wanted += sorted(path for path in others if not path.startswith("src/"))
    # What a parameter names, such as the user's images, is read by the step and no input of its rule.
    named = {dep: dep[2:-1] for dep in stages[name].get("deps", []) if dep.startswith("${")}
    wanted += [dep for dep, key in named.items() if covered(key, reads)]
    why = {path: "imports" if path in modules else "reads" for path in (*wanted, *modules)}
    yield from _bring_in_line(stages[name], "deps", [*wanted, *modules], name, why)


def parameters(name: str, stage: dict, reads: set[str]) -> Iterator[Difference]:
    """The parameters that a stage reads and those that it lists."""
    wanted = sorted(key for key in reads if not covered(key, reads - {key}))
    yield from _bring_in_line(stage, "params", wanted, name, dict.fromkeys(wanted, "reads"))


def _bring_in_line(stage: dict, key: str, wanted: list[str], name: str, why: dict[str, str]) -> Iterator[Difference]:
    """Make the list `stage[key]` hold what is wanted, the kept entries in their order."""
    listed = list(stage.get(key, []))
    where = f"dvc.yaml: stage {name}"
    for entry in (entry for entry in wanted if entry not in listed):
        yield Difference(f"{where} {why[entry]} {entry}, which is not in its {key}: add it", derived=True)
    for entry in (entry for entry in listed if entry not in wanted):
        yield Difference(f"{where} lists {entry} in its {key} and does not use it: remove it", derived=True)
    if set(listed) != set(wanted):
        kept = [entry for entry in listed if entry in wanted]
        stage[key] = sorted([*kept, *(entry for entry in wanted if entry not in kept)], key=_order)


def _order(dep: str) -> tuple[bool, str]:
    """Results of other stages first, as they are, then modules by name."""
    return (True, dep) if dep.startswith("src/") else (False, "")


def outs(stage: dict) -> Iterable[str]:
    """Paths of all outputs of a stage."""
    entries = [entry for key in ("outs", "metrics", "plots") for entry in stage.get(key, [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def _holds(out: str, path: str) -> bool:
    return path == out or path.startswith(f"{out}/")
