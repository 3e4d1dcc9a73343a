"""The command `log`: trainings that DVC has recorded, for another program. No stage: nobody versions what it writes."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from contraflow.compare.recorded import experiment_of
from contraflow.engines.experiments import Experiments
from contraflow.engines.repository import require_git
from contraflow.foundations.errors import UserError
from contraflow.loggers.training import trainings

Program = StrEnum("Program", ["tensorboard", "mlflow", "wandb"])


def log(
    program: Annotated[Program, typer.Argument(help="Who is to read them.")],
    folder: Annotated[Path, typer.Argument(help="Where they are written; new or empty.")],
    experiments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXP]...",
            help="Names of DVC experiments or commits, or `workspace`; none takes the present commit and all "
            "experiments of it.",
        ),
    ] = None,
) -> None:
    """Write curves, figures and parameters of trainings for TensorBoard, MLflow or Weights & Biases, offline.

    Raises:
        UserError: a run does not exist, is not complete, its files are not in DVC's cache, or there is none; the
            program is not installed, or the folder has something in it; or git does not work here.
    """
    require_git(Path())
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} must be new or empty: what lies there would be mixed with what is written")
    recorded = Experiments(Path())
    found = recorded.find(experiments or [*recorded.present_commit(), *recorded.of_present_commit()])
    if not found:
        raise UserError("nothing is recorded of the present commit: run `dvc exp run` or `snakemake` first")
    logged = [training for run in found for training in trainings(experiment_of(run))]
    try:
        import_module(f"contraflow.loggers.{program}").write(logged, folder)
    except ImportError as error:
        raise UserError(
            f"contraflow log {program} needs {program}, which nothing else does ({error}): ./setup.sh {program}, or "
            f"pip install -e '.[{program}]'"
        ) from None
    print(f"{len(logged)} trainings of {len(found)} runs are in {folder}")
