"""The command `compare`: one page over several runs that DVC has recorded. No stage: nobody versions its page."""

from pathlib import Path
from typing import Annotated

import typer

from contraflow.compare.page import render
from contraflow.compare.recorded import experiment_of
from contraflow.engines.experiments import Experiments
from contraflow.engines.repository import require_git
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.errors import UserError


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
    write_text(out, render([experiment_of(run) for run in found]))
    print(out)
