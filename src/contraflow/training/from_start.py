"""A training from random weights, as a step makes it: what pretraining and the supervised ceiling share."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from contraflow.encoded.card import EncodedData
from contraflow.foundations.artefacts import Provenance
from contraflow.foundations.signature import Writes
from contraflow.training.parallel import on_gpus
from contraflow.training.rounds import Files, Round, train_round
from contraflow.training.settings import Training

CheckpointOut = Annotated[Path, Writes("Checkpoint to write (.safetensors).")]
HistoryOut = Annotated[Path, Writes("History of the training to write (.csv).")]


def train_from_start(
    settings: Training,
    data: EncodedData,
    *,
    stage: str,
    params: dict[str, Any],
    seed: int,
    epochs: int,
    files: Files,
    threads: int,
) -> None:
    """Train from random weights, in one schedule, on as many GPUs as `settings.train` asks for.

    Args:
        stage: Whose code and files these are.
        params: The parameters that are read, for the provenance.
    """
    provenance = Provenance.of_stage(stage, seed=seed, round=0, params=params, inputs={"data": data.digest})
    todo = Round(seed=seed, number=0, epochs=range(epochs))
    work = partial(train_round, settings, data=data, todo=todo, files=files, threads=threads, provenance=provenance)
    on_gpus(settings.train.gpus, work)
