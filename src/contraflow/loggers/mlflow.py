"""MLflow: a run for each training, in a database (`mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db`)."""

from collections.abc import Iterable
from pathlib import Path

from contraflow.loggers.training import Training

EXPERIMENT = "contraflow"
AT_ONCE = 100  # parameters; MLflow takes no more


def write(trainings: Iterable[Training], folder: Path) -> None:
    """Curves and figures as metrics, parameters as parameters.

    Raises:
        ImportError: MLflow is not installed.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(tracking_uri=f"sqlite:///{folder.absolute()}/mlflow.db")
    experiment = client.create_experiment(EXPERIMENT, artifact_location=(folder.absolute() / "artifacts").as_uri())
    for training in trainings:
        run = client.create_run(experiment, run_name=training.name).info.run_id
        params = [Param(name, str(value)) for name, value in training.params.items()]
        for start in range(0, len(params), AT_ONCE):
            client.log_batch(run, params=params[start : start + AT_ONCE])
        for epoch, figures in training.epochs.items():
            metrics = [Metric(f"epoch/{name}", value, timestamp=0, step=epoch) for name, value in figures.items()]
            client.log_batch(run, metrics=metrics)
        figures = [Metric(_named(name), value, timestamp=0, step=0) for name, value in training.figures.items()]
        tags = [RunTag("collapse", training.collapse)] if training.collapse else []
        client.log_batch(run, metrics=figures, tags=tags)
        client.set_terminated(run)


def _named(figure: str) -> str:
    """MLflow's names have no @."""
    return figure.replace("@", " at ")
