"""What the encoders that a training left are worth."""

import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from benchmarks.long.recorded import seconds_file
from benchmarks.long.side_by_side import Task, checkpoints
from benchmarks.long.sizes import SEED, Size
from benchmarks.rows import Rows
from benchmarks.steps import evaluated
from contraflow.encoded.card import EncodedData
from contraflow.evaluation.results import Evaluation
from contraflow.foundations.artefacts import read_json
from contraflow.foundations.progress import say
from contraflow.params import Params

PIXELS = "raw pixels"
ACCURACIES = {"linear": "linear probe", "knn20": "20-NN", "knn200": "200-NN"}


def measure(task: Task, planned: Mapping, size: Size, rows: Rows) -> list[dict]:
    """A row for each encoder that the training of one side left: what it had seen and taken, and its accuracies."""
    epochs, seconds = planned["epochs"][task.side], read_json(seconds_file(task.folder))
    batch = task.params.train.batch_size
    images = len(EncodedData.open(task.data).training) // batch * batch

    def found(epoch: int) -> dict:
        of, wall, processor = f"encoder-seed{SEED}", *seconds[epoch - 1]
        figures = _figures(task.params, of, task.data, task.encoder(epoch), test=epoch == epochs)
        told = {"trained": planned["commit"], "images": epoch * images, "hours": wall / 3600}
        return {**told, "processor_hours": processor / 3600, **figures}

    kept = checkpoints(epochs, size.points)
    return [rows.get(_key(size, task.side, epochs, epoch), partial(found, epoch)) for epoch in kept]


def measure_pixels(params: Params, data: Path, size: Size, rows: Rows) -> dict:
    """The row of raw pixels, beside which encoders are set."""
    return rows.get(_key(size, PIXELS, 0, 0), lambda: _figures(params, "raw_pixels", data, None, test=True))


def _key(size: Size, side: str, epochs: int, epoch: int) -> dict:
    """Of a row: the hours that were asked for, how many epochs these made, and after which of them it was measured."""
    return {"asked_hours": size.hours, "side": side, "of_epochs": epochs, "epoch": epoch}


def _figures(params: Params, of: str, data: Path, checkpoint: Path | None, *, test: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        found = evaluated(params, of, data=data, checkpoint=checkpoint, folder=Path(folder))
    say(f"{of if checkpoint is None else checkpoint.stem} · validation images: linear {found.validation['linear']:.1%}")
    return dict(_accuracies(found, test=test))


def _accuracies(found: Evaluation, *, test: bool) -> Iterator[tuple[str, float]]:
    for name in ACCURACIES:
        yield name, found.validation[name]
    if test:
        for name in ACCURACIES:
            yield f"test_{name}", found.test[name]
