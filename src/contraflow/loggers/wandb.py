"""Weights & Biases, offline: a run for each training (`wandb sync FOLDER/wandb/offline-run-*` uploads them)."""

from collections.abc import Iterable
from pathlib import Path

from contraflow.loggers.training import Training

PROJECT = "contraflow"


def write(trainings: Iterable[Training], folder: Path) -> None:
    """Curves as history, figures as the summary, parameters as the configuration; nothing is sent.

    Raises:
        ImportError: wandb is not installed.
    """
    import wandb

    folder.mkdir(parents=True, exist_ok=True)  # else it writes elsewhere
    quiet = wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True)
    for training in trainings:
        with wandb.init(
            mode="offline", dir=folder, project=PROJECT, name=training.name, config=training.params, settings=quiet
        ) as run:
            for epoch, figures in training.epochs.items():
                run.log({f"epoch/{name}": value for name, value in figures.items()}, step=epoch)
            run.summary.update(training.figures | {"collapse": training.collapse})
