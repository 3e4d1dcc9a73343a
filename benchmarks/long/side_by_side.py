"""All sides at the same time, each in a process of its own on a part of the cores."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier
from typing import Any

import torch

from benchmarks.commit import commit
from benchmarks.long.recorded import Recorded, Trial
from benchmarks.long.sides import SIDES, Side
from benchmarks.long.sizes import SEED, Size
from contraflow.devices import cores
from contraflow.encoded.card import EncodedData
from contraflow.foundations.artefacts import read_json, write_json
from contraflow.foundations.progress import say
from contraflow.foundations.record import Provenance
from contraflow.methods.parts.base import Method
from contraflow.models.checkpoint import Checkpoint, save_model
from contraflow.params import Params
from contraflow.steps.pretrain import Pretraining
from contraflow.training.rounds import build_method

SPAWN = get_context("spawn")


@dataclass(frozen=True)
class Task:
    """The training of one side.

    Attributes:
        side: Its name.
        data: Card of the encoded images.
        folder: Gets the training's state, its seconds and its encoders.
    """

    side: str
    params: Params
    data: Path
    folder: Path

    def images_per_s(self, seconds: float, together: Barrier) -> float:
        """In a second of processor time, while all sides that meet at the barrier are at work."""
        side, method = self._side(), self._method()
        trial = Trial(side.loader(), seconds, together)
        with tempfile.TemporaryDirectory() as folder:
            side.train(method, trial, 1, Path(folder, "state"))
        return trial.images_per_s

    def train(self, epochs: int, points: int) -> None:
        """Train so many epochs, from where a killed training left off, and keep so many of its encoders at most."""
        side, method = self._side(), self._method()
        keep = partial(self._keep, method)
        loader = Recorded(side.loader(), self.folder, checkpoints(epochs, points), keep)
        side.train(method, loader, epochs, self.folder / "state")

    def encoder(self, epoch: int) -> Path:
        """Where the encoder after so many epochs is kept."""
        return self.folder / f"encoder-{epoch:04}.safetensors"

    def _side(self) -> Side:
        return SIDES[self.side](self._settings, self._encoded)

    def _method(self) -> Method:
        torch.manual_seed(SEED)  # all sides start from the same weights
        return build_method(self._settings, self._encoded, self._encoded.training)

    def _keep(self, method: Method, epoch: int) -> None:
        card, settings, inputs = self._encoded.card, self._settings, {"data": self._encoded.digest}
        made = Provenance.of_stage("pretrain", seed=SEED, round=0, params=settings.made_from(), inputs=inputs)
        taken = {"channels": card.channels, "image_size": card.image_size, "mean": card.mean, "std": card.std}
        save_model(self.encoder(epoch), method, Checkpoint(**vars(made), **taken, data=card.name))

    @property
    def _settings(self) -> Pretraining:
        return Pretraining.of(self.params)

    @property
    def _encoded(self) -> EncodedData:
        return EncodedData.open(self.data)


def checkpoints(epochs: int, points: int) -> list[int]:
    """After which of the epochs the encoder is kept: from 1 to the last, each about as many times the one before."""
    return sorted({round(epochs ** (i / (points - 1))) for i in range(points)})


def plan(tasks: Sequence[Task], size: Size, file: Path) -> dict[str, Any]:
    """How many epochs of each side fit into the hours of processor time, by its speed while all are at work; measured
    once, then kept in a file, as a schedule must not change.

    Returns:
        `commit`, by which they are trained, and `epochs` and `images_per_s` by the names of the sides.
    """
    if not file.is_file():
        with SPAWN.Manager() as manager:
            together = manager.Barrier(len(tasks))
            speeds = _all(Task.images_per_s, [(task, size.trial, together) for task in tasks])
        images = {task.side: len(EncodedData.open(task.data).training) for task in tasks}
        epochs = {name: max(1, int(size.hours * 3600 * speed / images[name])) for name, speed in speeds.items()}
        write_json(file, {"commit": commit(), "epochs": epochs, "images_per_s": speeds})
    found = read_json(file)
    for name, epochs in found["epochs"].items():
        speed = found["images_per_s"][name]
        say(f"{name} · {speed:,.0f} images a processor second · {epochs} epochs in {size.hours:g} hours")
    return found


def train(tasks: Sequence[Task], epochs: Mapping[str, int], points: int) -> None:
    """Train all sides so many epochs each, from where a killed run left them."""
    _all(Task.train, [(task, epochs[task.side], points) for task in tasks])


def _all(function: Callable, calls: Sequence[tuple]) -> dict[str, Any]:
    """What a function of a task makes of the arguments of each call, the first of which is a task, by its side."""
    with ProcessPoolExecutor(len(calls), mp_context=SPAWN, max_tasks_per_child=1) as processes:
        found = {call[0].side: processes.submit(_on_part, number, function, *call) for number, call in enumerate(calls)}
        return {name: future.result() for name, future in found.items()}


def _on_part(number: int, function: Callable, *arguments: Any) -> Any:
    """What a function returns, computed on one part of the cores, which is as large where one side is trained alone."""
    usable = sorted(os.sched_getaffinity(0))
    share = max(1, len(usable) // len(SIDES))
    first = number * share % len(usable)
    os.sched_setaffinity(0, usable[first : first + share])
    torch.set_num_threads(cores())
    return function(*arguments)
