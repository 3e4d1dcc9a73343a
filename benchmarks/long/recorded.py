"""Loaders that see to a training: what it took so far and what came of it is kept, or its speed is measured."""

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from itertools import chain, count, islice
from multiprocessing import parent_process
from pathlib import Path
from threading import Barrier
from typing import Any, Protocol

import psutil

from benchmarks.loader.training import WARM
from contraflow.foundations.artefacts import read_json, write_json

PATIENCE = 600  # seconds that one side waits for the other to be ready


class Loader(Protocol):
    """Gives what a training learns from, epoch by epoch."""

    batch_size: int

    def __len__(self) -> int:
        """Batches an epoch."""

    def epoch(self, epoch: int, *, order: None = None) -> Iterator[Any]:
        """The batches of one epoch, from 0, which are always the same."""


class Recorded:
    """Keeps the seconds that a training has taken, and its encoder after some epochs.

    Counted is from the first to the last step of each epoch; an epoch that was killed is counted when it is done again.
    A training whose parent was killed ends as well.

    Args:
        loader: What the training learns from.
        folder: Gets the `seconds_file`.
        checkpoints: After which epochs, from 1, the encoder is kept.
        keep: Writes it, for the number of epochs.
    """

    def __init__(self, loader: Loader, folder: Path, checkpoints: Collection[int], keep: Callable[[int], None]):
        self.loader, self.batch_size = loader, loader.batch_size
        self._file, self._checkpoints, self._keep = seconds_file(folder), checkpoints, keep

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, epoch: int, *, order: None = None) -> Iterator[Any]:
        parent, began = parent_process(), _clocks()
        for made in self.loader.epoch(epoch):
            yield made
            if parent is not None and not parent.is_alive():
                os._exit(1)  # a pool's process that ends in another way waits for work
        took = [now - then for now, then in zip(_clocks(), began, strict=True)]
        before = read_json(self._file)[:epoch] if epoch else []
        so_far = [sum(pair) for pair in zip(took, *before[-1:], strict=True)]
        write_json(self._file, [*before, so_far])
        if epoch + 1 in self._checkpoints:
            self._keep(epoch + 1)


def seconds_file(folder: Path) -> Path:
    """Where `Recorded` keeps the seconds: for each epoch those of the wall and of the processors, of all so far."""
    return folder / "seconds.json"


class Trial:
    """A single epoch that lasts as long as it is told, to see how fast a training is.

    Args:
        loader: What the training learns from.
        seconds: That are measured, after some steps that are not.
        together: Where all sides wait for each other before that: each is measured while the others work as well.

    Attributes:
        images_per_s: In a second of processor time.
    """

    def __init__(self, loader: Loader, seconds: float, together: Barrier):
        self.loader, self.batch_size = loader, loader.batch_size
        self._seconds, self._together = seconds, together
        self.images_per_s = 0.0

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, epoch: int, *, order: None = None) -> Iterator[Any]:
        endless = chain.from_iterable(map(self.loader.epoch, count()))
        yield from islice(endless, WARM)
        self._together.wait(PATIENCE)
        (began, used), steps = _clocks(), 0
        while time.monotonic() - began < self._seconds:
            yield next(endless)
            steps += 1
        self.images_per_s = steps * self.batch_size / (_clocks()[1] - used)


def _clocks() -> tuple[float, float]:
    """Seconds of the wall, and of the processors that this process and all that it has started have used."""
    used = sum(os.times()[:4])  # those that have ended are in it
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            used += sum(process.cpu_times()[:2])
    return time.monotonic(), used
