"""Arrays of a job that may be larger than the memory."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from contraflow.artefacts import writing


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
