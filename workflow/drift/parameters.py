"""params.yaml beside the settings, which say what stands in it, and beside what steps and workflow read of it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from contraflow.images.sources import SOURCES
from contraflow.params import Params
from contraflow.settings.values import NOTHING, Section, Switch, flat
from drift.plan import Job, plans


def unread(content: dict, reads: dict[str, set[str]]) -> Iterator[str]:
    """Parameters that no stage reads. The page shows every parameter, which is no use of any but its own."""
    used = {key for stage, keys in reads.items() if stage != "report" for key in keys} | {"report"}
    for key, _ in flat(content):
        if not covered(key, used):
            yield f"no step reads {key}: name it in the settings of the step that uses it, or remove it"


def covered(key: str, by: Iterable[str]) -> bool:
    """Whether a key or a section that it is in is among others."""
    return any(key == name or key.startswith(f"{name}.") for name in by)


def plan_and_reads(root: Path, content: dict, stage_of: dict[str, str]) -> tuple[list[Job], dict[str, set[str]]]:
    """The jobs of a run, and for each parameter that the workflow itself reads the stages whose jobs it changes.

    A parameter that Snakefile or rules name is changed in turn: where other jobs come out, that stage depends on it.
    """
    small = with_every_rule(content)
    files = [root / "Snakefile", *(root / "workflow/rules").glob("*.smk")]
    keys = sorted({key for file in files for key in re.findall(r"\bPARAMS\.(\w+(?:\.\w+)?)", file.read_text())})
    jobs, *changed = plans(root, [small, *(_with_another(small, key) for key in keys)])
    return jobs, {
        key: {stage_of[job.rule] for job in set(jobs) ^ set(others) if job.rule in stage_of}
        for key, others in zip(keys, changed, strict=True)
    }


def with_every_rule(content: dict) -> dict:
    """Parameters of a small run that has a job of every rule: one seed, one mining round, all switches on."""
    small = _switched_on(content, Params) | {"seeds": content["seeds"][:1]}
    small["mining"] |= {"rounds": 1}
    return small


def _switched_on(content: dict, section: type[Section]) -> dict:
    """The values of a section with every `Switch` in it on."""
    found = dict(content)
    for name, field in section.model_fields.items():
        switch = next((said for said in field.metadata if isinstance(said, Switch)), None)
        if switch:
            found[name] = switch.on
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found[name] = _switched_on(content[name], field.annotation)
    return found


def _with_another(content: dict, key: str) -> dict:
    section, _, name = key.partition(".")
    old = content[section]
    return content | {section: old | {name: _another(old[name])} if name else _another(old)}


def _another(value: object) -> object:
    """Some other value of the same type; of a section its first key, of text what says that it is off: null of a data
    set, of a file `NOTHING`."""
    if isinstance(value, dict):
        first = next(iter(value))
        return value | {first: _another(value[first])}
    if isinstance(value, str):
        return None if value in SOURCES else NOTHING
    if isinstance(value, list):
        return [*value, _another(value[-1])]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.0
    raise SystemExit(f"workflow/drift/parameters.py: the workflow reads {value!r}: say what another such value is")
