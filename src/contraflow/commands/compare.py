"""The command `compare`: one page over several runs that DVC has recorded. No stage: nobody versions its page."""

import io
import json
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from contraflow.baseline.measured import Figures
from contraflow.compare.experiment import Experiment, Stage
from contraflow.compare.page import render
from contraflow.encoded.names import ENCODED, TEST
from contraflow.engines.experiments import Experiments, Recorded
from contraflow.engines.repository import require_git
from contraflow.evaluation.results import COMPARED
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.stages import CODE
from contraflow.settings.values import NOTHING

EVALUATIONS, CURVES = "results/evaluate", "results/evaluate/curves.csv"


def compare(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXP]...",
            help="Names of DVC experiments or commits, or `workspace`; the first is the baseline. One alone is "
            "compared with the present commit, none takes all experiments of it.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Page to write (.html).")] = Path("results/compare.html"),
) -> None:
    """Write a page that compares runs which DVC has recorded.

    Raises:
        UserError: a run does not exist, is not complete, its files are not in DVC's cache, or there are not two; or git
            does not work here.
    """
    require_git(Path())
    recorded, names = Experiments(Path()), experiments or []
    if len(names) < 2:
        names = [*recorded.present_commit(), *(names or recorded.of_present_commit())]
    found = recorded.find(names)
    if len(found) < 2:
        raise UserError(
            f"{'only ' + found[0].name if found else 'nothing'} to compare: make an experiment of the present commit "
            "with `dvc exp run -S loss.tau=0.1`, or name two experiments or commits"
        )
    write_text(out, render([_read(run) for run in found]))
    print(out)


def _read(run: Recorded) -> Experiment:
    """Raises UserError when the run is not complete or damaged."""
    names = sorted(path for path in run.files(EVALUATIONS) if Path(path).match(f"{EVALUATIONS}/encoder-seed*.json"))
    scored = run.params().get("eval.sts", NOTHING) != NOTHING
    found = [
        Figures.of_content(json.loads(run.read(path)), Path(path)).beside(_extra(run, path) if scored else {})
        for path in names
    ]
    curves = pd.read_csv(io.BytesIO(run.read(CURVES)))
    return Experiment(
        name=run.name,
        params=run.params(),
        stages={name: _stage(run, name) for name in run.stages},
        test_images=run.files(ENCODED).get(f"{ENCODED}/{TEST}", ""),
        evaluations={each.seed: each for each in sorted(found, key=lambda each: each.seed)},
        curves=curves,
    )


def _extra(run: Recorded, path: str) -> dict[str, float]:
    """What an encoder's order of scored pairs is like, beside its evaluation."""
    return json.loads(run.read(f"{EVALUATIONS}/{COMPARED}/{Path(path).name}"))["figures"]


def _stage(run: Recorded, name: str) -> Stage:
    read = run.dependencies(name).items()
    return Stage(
        code={path: md5 for path, md5 in read if path.startswith(CODE)},
        inputs={path: md5 for path, md5 in read if not path.startswith(CODE)},
        outputs=run.outputs(name),
    )
