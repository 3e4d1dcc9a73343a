"""Pictures on their way from the user's files into an FFCV file, on disk: memory does not grow with their pixels."""

import os
from array import array
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from contraflow.images.kept_jpeg import Jpeg


class Spool:
    """A sequence of pictures in a nameless file: pixels of one `shape` (H, W, C), uint8, or `Jpeg`.

    Args:
        folder: Where the file lies, until the spool or the process is gone.
        shape: Of the pixels.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int]):
        self.shape = shape
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115, lives as long as the spool
        self._ends = array("Q", [0])
        self._sizes = array("H")  # height and width of a JPEG, 0 and 0 of pixels

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, picture: np.ndarray | Jpeg) -> None:
        if isinstance(picture, Jpeg):
            content, size = picture.content, (picture.height, picture.width)
        else:
            content, size = picture.tobytes(), (0, 0)
        self._file.write(content)
        self._ends.append(self._ends[-1] + len(content))
        self._sizes.extend(size)

    def close(self) -> None:
        """No more are added: what was is on disk, and can be read."""
        self._file.flush()

    def __getitem__(self, index: int) -> np.ndarray | Jpeg:
        if not 0 <= index < len(self):
            raise IndexError(index)
        start, end = self._ends[index], self._ends[index + 1]
        content = os.pread(self._file.fileno(), end - start, start)
        height, width = self._sizes[2 * index : 2 * index + 2]
        return Jpeg(content, height, width) if height else np.frombuffer(content, np.uint8).reshape(self.shape)

    @property
    def largest(self) -> int:
        """Bytes of the largest picture, at least those of pixels."""
        return max(int(np.prod(self.shape)), int(np.diff(np.frombuffer(self._ends, np.uint64)).max(initial=0)))
