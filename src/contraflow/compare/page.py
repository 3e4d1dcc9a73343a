"""The page: every part put into the template."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from contraflow.baseline.differences import parameters
from contraflow.baseline.measures import measures
from contraflow.compare import curves, differences, results
from contraflow.compare.experiment import Experiment
from contraflow.compare.verdict import judge
from contraflow.pages.assets import template
from contraflow.pages.palette import colour
from contraflow.statistics import CONFIDENCE, IN_WORDS


def render(experiments: Sequence[Experiment]) -> str:
    """The whole page as HTML that needs no other file; the first of two or more runs is the baseline."""
    return template(Path(__file__).parent / "page.html.j2").render(
        names=[run.name for run in experiments],
        colours=[colour(number) for number in range(len(experiments))],
        verdict=judge(experiments),
        measures=measures(experiments),
        rows=results.rows(experiments),
        strips=results.strips(experiments),
        confidence=CONFIDENCE,
        noise=IN_WORDS,
        parameters=parameters(experiments),
        code=differences.code_changes(experiments),
        inputs=differences.inputs(experiments),
        stages=differences.stages(experiments),
        curves=curves.loss_curves(experiments),
        command=shlex.join(["contraflow", "compare", *(run.name for run in experiments)]),
        diagnosis=curves.diagnosis_curves(experiments),
    )
