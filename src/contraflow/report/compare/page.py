"""The page: every part put into the template."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from contraflow.report.compare import curves, differences, measures
from contraflow.report.compare.experiment import Experiment
from contraflow.report.compare.significance import CONFIDENCE
from contraflow.report.compare.verdict import verdict
from contraflow.report.numbers import share, times
from contraflow.report.palette import colour

HERE = Path(__file__).parent


def render(experiments: Sequence[Experiment]) -> str:
    """The whole page as HTML that needs no other file; the first of two or more runs is the baseline."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"times": times, "share": share}
    template = environment.from_string((HERE / "page.html.j2").read_text(encoding="utf-8"))
    shared = {name: Markup((HERE.parent / name).read_text(encoding="utf-8")) for name in ("style.css", "script.js")}
    return template.render(
        style=shared["style.css"],
        own_style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=shared["script.js"],
        names=[run.name for run in experiments],
        colours=[colour(number) for number in range(len(experiments))],
        verdict=verdict(experiments),
        measures=measures.measures(experiments),
        rows=measures.rows(experiments),
        strips=measures.strips(experiments),
        confidence=CONFIDENCE,
        parameters=differences.parameters(experiments),
        code=differences.code(experiments),
        inputs=differences.inputs(experiments),
        stages=differences.stages(experiments),
        curves=curves.loss_curves(experiments),
        command=shlex.join(["contraflow", "compare", *(run.name for run in experiments)]),
        diagnosis=curves.diagnosis_curves(experiments),
    )
