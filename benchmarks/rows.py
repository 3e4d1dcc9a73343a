"""What a benchmark has measured: a row a measurement, kept in a file as soon as it is made."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from contraflow.foundations.artefacts import atomic


class Rows:
    """All measurements: those of the file and of this code, and those made now.

    Args:
        path: The file (.csv); None keeps none.
        code: Digest of what a measurement rests on; rows of another are dropped.
    """

    def __init__(self, path: Path | None, code: str):
        self._path, self._code = path, code
        known = path is not None and path.is_file()
        rows = pd.read_csv(path, dtype={"code": str}).to_dict("records") if known else []
        self._rows = [row for row in rows if row["code"] == code]

    def get(self, key: dict, measure: Callable[[], dict]) -> dict:
        """The row of a key, measured if there is none."""
        for row in self._rows:
            if all(row[name] == wanted for name, wanted in key.items()):
                return row
        row = {"code": self._code, **key, **measure()}
        self._rows.append(row)
        if self._path is not None:
            with atomic(self._path) as temporary:
                pd.DataFrame(self._rows).to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        return row


def digest(parts: Iterable[str]) -> str:
    """A short digest of what measurements rest on."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
