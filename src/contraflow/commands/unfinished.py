"""Features that are written as they come, so that who was killed goes on where he was."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import numpy as np

from contraflow.encoded.claim import claim
from contraflow.foundations.artefacts import writing

FEATURES, JOURNAL = "features", "journal.jsonl"


class Done(NamedTuple):
    """A batch that is done.

    Attributes:
        upto: Files that were looked at up to its end, from the first on.
        rows: Features that it gave.
        broken: Those of its files that gave none: place among all files, and why.
        files: SHA-256 of what its files were.
        features: SHA-256 of the features.
    """

    upto: int
    rows: int
    broken: list[list]
    files: str
    features: str


class Unfinished:
    """Features of files, in a folder beside the file that they will become part of: `features`, float32 row by row,
    and `journal.jsonl`, a line a `Done`, which is written after its rows.

    A batch counts as long as its files are what they were, by name, size and time of change, and its bytes those that
    its line tells: a kill, or a power cut that loses the end of either file, costs the batches behind it.

    Attributes:
        done: The batches so far.
        goes_on: Files that were looked at before this process began.
    """

    def __init__(self, place: Path, root: Path, names: Sequence[str], *, made_with: str, dimension: int, full: int):
        self._root, self._names, self._made_with, self._dimension = root, names, made_with, dimension
        self._rows, self._lines = (place / name for name in (FEATURES, JOURNAL))
        self.done = [*self._whole(full)]
        self.goes_on = self.done[-1].upto if self.done else 0

    @classmethod
    @contextmanager
    def beside(cls, out: Path, root: Path, names: Sequence[str], **told) -> Iterator[Self]:
        """Those of an earlier process, as far as they count, or none. They are kept where the block fails.

        Args:
            out: The file that is to be.
            root, names: The files.
            told: `made_with`, which names all else that features depend on; `dimension`, their length; `full`, the rows
                of every batch but the last.

        Raises:
            UserError: another process writes the same, or the place is full or may not be written to.
        """
        place, finished = out.with_name(f"{out.name}.part"), False
        with writing(place), claim(place):
            unfinished = cls(place, root, names, **told)
            try:
                yield unfinished
                finished = True
            finally:
                if finished or not unfinished.done:
                    shutil.rmtree(place)

    def add(self, upto: int, features: np.ndarray, broken: list[list]) -> None:
        """Write features (n, dimension) of the files from the end of the last batch up to `upto`, where `broken` are
        left out."""
        start = self.done[-1].upto if self.done else 0
        content = np.ascontiguousarray(features, np.float32).tobytes()
        batch = Done(upto, len(features), broken, self._state(start, upto), hashlib.sha256(content).hexdigest())
        for path, new in ((self._rows, content), (self._lines, f"{json.dumps(batch)}\n".encode())):
            with path.open("ab") as file:
                file.write(new)
        self.done.append(batch)

    def features(self) -> np.ndarray:
        """All of them, (N, dimension), read where they lie."""
        rows = sum(batch.rows for batch in self.done)
        return np.memmap(self._rows, np.float32, "c", shape=(rows, self._dimension))

    def broken(self) -> list[tuple[int, str]]:
        """Places and reasons of the files that were left out, in order."""
        return [(place, why) for batch in self.done for place, why in batch.broken]

    def _whole(self, full: int) -> Iterator[Done]:
        """The batches that count; what lies behind them is cut off."""
        for path in (self._rows, self._lines):
            path.touch()
        with self._rows.open("r+b") as rows, self._lines.open("r+b") as lines:
            start = row_end = line_end = 0
            while batch := self._counts(lines.readline(), start, rows, full):
                yield batch
                start, row_end, line_end = batch.upto, rows.tell(), lines.tell()
            rows.truncate(row_end)
            lines.truncate(line_end)

    def _counts(self, line: bytes, start: int, rows: BinaryIO, full: int) -> Done | None:
        try:
            batch = Done(*json.loads(line))
        except (ValueError, TypeError):
            return None
        content = rows.read(4 * self._dimension * full)
        told = hashlib.sha256(content).hexdigest(), self._state(start, batch.upto)
        return batch if batch.rows == full and (batch.features, batch.files) == told else None

    def _state(self, start: int, upto: int) -> str:
        digest = hashlib.sha256(self._made_with.encode())
        for name in self._names[start:upto]:
            digest.update(os.fsencode(name))
            try:
                found = (self._root / name).stat()
                digest.update(f"\0{found.st_size} {found.st_mtime_ns}\n".encode())
            except OSError:  # a link to nowhere
                digest.update(b"\0\n")
        return digest.hexdigest()
