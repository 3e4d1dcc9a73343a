"""TensorBoard: a folder of events for each training (`tensorboard --logdir FOLDER`)."""

from collections.abc import Iterable
from pathlib import Path

from contraflow.loggers.training import Training


def write(trainings: Iterable[Training], folder: Path) -> None:
    """Curves as scalars, figures beside the parameters as TensorBoard's hyperparameters.

    Raises:
        ImportError: TensorBoard is not installed.
    """
    from torch.utils.tensorboard import SummaryWriter

    for training in trainings:
        with SummaryWriter(str(folder / training.name.replace("/", "-"))) as writer:
            for epoch, figures in training.epochs.items():
                for name, value in figures.items():
                    writer.add_scalar(f"epoch/{name}", value, epoch)
            params = {name: _plain(value) for name, value in training.params.items()}
            writer.add_hparams(params, training.figures, run_name=".")
            if training.collapse:
                writer.add_text("collapse", training.collapse)


def _plain(value: object) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)
