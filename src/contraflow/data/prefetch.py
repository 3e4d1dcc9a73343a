"""Batches made by a pool of threads while the consumer is busy with the one before."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

Batch = TypeVar("Batch")
Part = Callable[[int, int], None]

AHEAD = 2  # batches


def prefetch(batches: Iterable[tuple[Batch, int, Part]], threads: int) -> Iterator[Batch]:
    """Yield batches in order, each made in `threads` parts side by side, at most `AHEAD` of them before their turn.

    Args:
        batches: for each batch what to yield (it owns its memory), its length, and the function that fills its items
            from `start` to `stop`.
        threads: threads of the pool, at least 1. They live as long as the iterator: leaving it early ends them.

    Raises:
        Exception: whatever a part raised, when its batch's turn comes.
    """
    waiting: deque[tuple[Batch, list[Future]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="contraflow-images")
    try:
        for batch, length, fill in batches:
            cuts = [length * i // threads for i in range(threads + 1)]
            parts = [pool.submit(fill, a, b) for a, b in pairwise(cuts) if a < b]
            waiting.append((batch, parts))
            if len(waiting) > AHEAD:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(batch: Batch, parts: list[Future]) -> Batch:
    for part in parts:
        part.result()
    return batch
