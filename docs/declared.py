"""The Markdown directive `stage`: what a stage reads, writes and is told, from where the code declares it.

Steps say in their signatures what their files are, Snakemake which files those are in a run, `dvc.yaml` which
parameters a stage depends on, and the settings what these mean.
"""

import inspect
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import yaml
from docutils.nodes import Node
from drift import ROOT
from drift.parameters import covered, with_every_rule
from drift.plan import plans
from sphinx.util.docutils import SphinxDirective

from contraflow.cli import function_of, modules
from contraflow.commands.written import comments
from contraflow.foundations.signature import Option, Reads, Signature, Writes
from contraflow.params import Params

STEPS = ROOT / "src/contraflow/steps"
KINDS = {Reads: "reads", Writes: "writes", Option: "is told"}
ABOUT = ("Args:", "Returns:", "Raises:")  # begin what a command line does not need


class StageDirective(SphinxDirective):
    """```{stage} mine```: the lists of the stage `mine`."""

    required_arguments = 1

    def run(self) -> list[Node]:
        stage = self.arguments[0]
        text = "\n".join([*_steps(stage), *_parameters(stage)])
        return self.parse_text_to_nodes(text, allow_section_headings=True)


@cache
def _pipeline() -> dict[str, dict]:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@cache
def _files() -> dict[str, dict[str, str]]:
    """By step and name the files of a run that has a job of every rule; of several the one with the shortest path."""
    found: dict[str, dict[str, str]] = {}
    (jobs,) = plans(ROOT, [with_every_rule(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))])
    for command in filter(None, (job.command for job in jobs)):
        _, step, *words = command.split()
        for option, path in pairwise(words):
            if option.startswith("--"):
                name, files = option[2:].replace("-", "_"), found.setdefault(step, {})
                files[name] = min(path, files.get(name, path), key=len)
    return found


def _steps(stage: str) -> Iterator[str]:
    for command, path in modules("steps").items():
        if path.relative_to(STEPS).with_suffix("").parts[0] == stage:
            step = function_of(path)
            yield f"## `contraflow {command}`\n"
            paragraphs = (inspect.getdoc(step) or "").split("\n\n")
            yield "\n\n".join(text for text in paragraphs if not text.startswith(ABOUT)) + "\n"
            yield "| | option | what it is | for example |\n| --- | --- | --- | --- |"
            yield from _options(Signature.of(step), _files()[command])
            yield ""


def _options(signature: Signature, files: dict[str, str]) -> Iterator[str]:
    for kind, word in KINDS.items():
        for name, role in signature.roles.items():
            if isinstance(role, kind):
                example = f"`{files[name]}`" if kind is not Option and name in files else ""
                yield f"| {word} | `{name}` | {_cell(role.help)} | {example} |"


def _parameters(stage: str) -> Iterator[str]:
    """Those that no earlier stage depends on, in a table; of the others where they are."""
    read = {name: spec["params"] for name, spec in _pipeline().items()}
    every = list(comments(Params()))
    first = {name: next(other for other in read if covered(name, read[other])) for name, _, _ in every}
    yield "## Parameters\n\n| parameter | default | what it is |\n| --- | --- | --- |"
    for name, value, said in every:
        if first[name] == stage:
            yield f"| `{name}` | {_value(value)} | {_cell(said)} |"
    yield ""
    above: dict[str, dict[str, None]] = {}
    for name, other in first.items():
        if other != stage and covered(name, read[stage]):
            above.setdefault(other, {})[f"`{name.split('.')[0]}`"] = None
    if above:
        places = (f"{', '.join(sections)} at [{other}]({other}.md)" for other, sections in above.items())
        yield f"It also depends on parameters that are listed above: of {'; '.join(places)}."


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"`{name}`" for name in value)
    return f"`{'null' if value is None else str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def setup(app) -> dict[str, bool]:
    app.add_directive("stage", StageDirective)
    return {"parallel_read_safe": True}
