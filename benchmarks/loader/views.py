"""The cases that make two views of each image, by image size."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.loader import torchvision_cases
from benchmarks.loader.ffcv_case import builtin
from benchmarks.loader.timing import Case, epochs_of
from contraflow.devices import cores
from contraflow.views.loader import ViewLoader
from contraflow.views.settings import ViewRecipe

BYTES_COPIED = 2**26  # before the copy comes back to the same place: more than caches hold


def view_cases(
    path: Path, stored: Sequence, size: int, channels: int, recipe: ViewRecipe, batch: int, slow: int, fast: int
) -> list[Case]:
    """Every way to make views of the images in an FFCV file, and a copy of the memory that they fill.

    Args:
        path: The file.
        stored: What is in it, for torchvision: arrays (H, W, C), or the bytes of JPEG files.
        size: Pixels a side of a view.
        batch: Images in a batch.
        slow, fast: Batches that are timed of torchvision and of the others.
    """
    arguments = size, channels, recipe, batch, cores()
    ahead = 2 * cores()  # batches that a DataLoader's workers make before their turn
    cases = [
        Case("torchvision", lambda: iter(torchvision_cases.on_pillow(stored, *arguments)), batch, ahead, slow),
        Case("torchvision_v2", lambda: iter(torchvision_cases.on_tensors(stored, *arguments)), batch, ahead, slow),
    ]
    if channels == 3:
        ffcv = builtin(path, size, recipe, batch, cores())
        # To the end of the epoch: FFCV leaks a thread where a loop is left early.
        cases.append(Case("ffcv_builtin", lambda: iter(ffcv), batch, 5, len(ffcv) - 5))
    for name, threads in (("contraflow_1_thread", 1), ("contraflow", cores())):
        cases.append(Case(name, epochs_of(_ours(path, size, channels, recipe, batch, threads)), batch, 3, fast))
    cases.append(Case("memory_copy", lambda: _copies(size, channels, batch), batch, 1, 4 * fast))
    return cases


def _ours(path: Path, size: int, channels: int, recipe: ViewRecipe, batch: int, threads: int) -> ViewLoader:
    return ViewLoader(
        path,
        [recipe, recipe],
        seed=0,
        batch_size=batch,
        threads=threads,
        mean=[0.5] * channels,
        std=[0.25] * channels,
        size=size,
    )


def _copies(size: int, channels: int, batch: int) -> Iterator[np.ndarray]:
    """Batches of both views in float32, copied from one place in memory to another."""
    shape = (2, batch, channels, size, size)
    places = -(-BYTES_COPIED // (4 * int(np.prod(shape))))
    source, target = np.ones((places, *shape), np.float32), np.zeros((places, *shape), np.float32)
    while True:
        for place in range(places):
            np.copyto(target[place], source[place])
            yield target[place]
