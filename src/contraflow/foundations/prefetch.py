"""Batches made by a pool of threads while the consumer is busy with the one before."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")
Made = TypeVar("Made")
FillPart = Callable[[int, int], None]

AHEAD = 2  # batches


def in_turn(started: Iterable[T], ahead: int) -> Iterator[T]:
    """Yield what is started, in order, with at most `ahead` more of it started before their turn."""
    waiting: deque[T] = deque()
    for one in started:
        waiting.append(one)
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting


def prefetch(batches: Iterable[tuple[Made, int, FillPart]], threads: int) -> Iterator[Made]:
    """Yield batches in order, each made in `threads` parts side by side, at most `AHEAD` of them before their turn.

    Args:
        batches: for each batch what to yield (it owns its memory), its length, and the function that fills its items
            from `start` to `stop`.
        threads: threads of the pool, at least 1. They live as long as the iterator: leaving it early ends them.

    Raises:
        Exception: whatever a part raised, when its batch's turn comes.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="contraflow-images")

    def start(batch: Made, length: int, fill: FillPart) -> tuple[Made, list[Future]]:
        cuts = [length * i // threads for i in range(threads + 1)]
        return batch, [pool.submit(fill, a, b) for a, b in pairwise(cuts) if a < b]

    try:
        for batch, parts in in_turn((start(*each) for each in batches), AHEAD):
            for part in parts:
                part.result()
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
