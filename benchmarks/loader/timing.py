"""Rates of cases that take turns, so that a slow minute slows them all."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from statistics import median

import torch

from contraflow.foundations.progress import say
from contraflow.views.batch import Batch
from contraflow.views.loader import ViewLoader


@dataclass(frozen=True)
class Case:
    """Something that gives batches.

    Attributes:
        name: What it is called.
        start: Begins an epoch: an iterator of batches.
        batch_size: Images in each.
        warm: Batches that are not timed: those that were already being made while the first one was waited for.
        batches: How many are timed.
    """

    name: str
    start: Callable[[], Iterator]
    batch_size: int
    warm: int
    batches: int

    def images_per_s(self) -> float:
        batches = self.start()
        for _ in islice(batches, self.warm):
            pass
        wait()
        began = time.perf_counter()
        timed = sum(1 for _ in islice(batches, self.batches))
        wait()
        if not timed:
            raise ValueError(f"{self.name}: an epoch has no more than the {self.warm} batches that are not timed")
        return timed * self.batch_size / (time.perf_counter() - began)


def epochs_of(loader: ViewLoader) -> Callable[[], Iterator[Batch]]:
    """Each call gives the next epoch."""
    epochs = count()
    return lambda: loader.epoch(next(epochs))


def wait() -> None:
    """Until a GPU that is at work has done all."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def take_turns(cases: list[Case], rounds: int, label: str) -> dict[str, float]:
    """Median images/s of each case over the rounds; one more round goes before and is not counted."""
    threads = torch.get_num_threads()
    rates: dict[str, list[float]] = {case.name: [] for case in cases}
    for number in range(rounds + 1):
        for case in cases:
            rate = case.images_per_s()
            torch.set_num_threads(threads)  # FFCV changes them
            if number:
                rates[case.name].append(rate)
                say(f"{label} · {case.name} · {rate:,.0f} images/s")
    return {name: median(found) for name, found in rates.items()}
