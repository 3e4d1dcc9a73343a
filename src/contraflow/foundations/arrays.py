"""Named arrays as artefacts: `.npz` files that carry what they were made from; and a choice of rows."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from contraflow.foundations.artefacts import atomic, reading, writing
from contraflow.foundations.record import Provenance

P = TypeVar("P", bound=Provenance)


def save_arrays(path: Path, provenance: Provenance, **arrays: np.ndarray) -> None:
    """Write named arrays and their provenance to one `.npz` file; equal content gives equal bytes."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, provenance=np.array(provenance.sealed(_parts(arrays))), **arrays)


def load_arrays(path: Path, kind: type[P] = Provenance) -> tuple[dict[str, np.ndarray], P]:
    """Read what `save_arrays` wrote: the arrays by name, and the provenance, of a kind; errors as for `reading`."""
    with reading(path):
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        sealed = str(arrays.pop("provenance"))
        return arrays, kind.of_sealed(sealed, _parts(arrays), path)


def evenly(count: int, most: int) -> np.ndarray:
    """Up to `most` of the numbers below `count`, evenly spaced, int64: what is sorted by class keeps all of them."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(np.int64)


def drawn(pool: np.ndarray, most: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """At most so many of a pool, sorted; without a generator the same in every run."""
    rng = rng or np.random.default_rng(0)
    return np.sort(rng.choice(pool, min(most, len(pool)), replace=False))


def _parts(arrays: dict[str, np.ndarray]) -> Iterator[tuple[str, memoryview]]:
    for name, array in sorted(arrays.items()):
        content = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        yield f"{name} {array.dtype.str} {array.shape}", content


def on_disk(parts: Iterable[np.ndarray], beside: Path) -> np.ndarray:
    """The rows of several arrays as one that lies on the disk of the file `beside`, and is read where it lies.

    The file under it has no name, and is gone with the array or with the process, however that ends.

    Args:
        parts: Arrays (n, ...) of one type and of one shape but for n, at least one.

    Raises:
        UserError: the disk is full or may not be written to.
    """
    with writing(beside):
        beside.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=beside.parent) as file:
            rows = 0
            for part in parts:
                file.write(np.ascontiguousarray(part).data)
                rows += len(part)
            file.flush()
            # "c": what nobody writes to is never copied, and torch takes no arrays that may not be written to
            return np.memmap(file, part.dtype, "c", shape=(rows, *part.shape[1:]))
