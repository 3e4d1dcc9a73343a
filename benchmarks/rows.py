"""What a benchmark has measured: a row a measurement, kept in a file as soon as it is made."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from benchmarks.commit import commit
from contraflow.foundations.artefacts import atomic, read_json


class Rows:
    """All measurements: those of the file and of this code, and those made now.

    Args:
        path: The file (.csv); None keeps none.
        code: Digest of what a measurement rests on; rows of another are dropped.
    """

    def __init__(self, path: Path | None, code: str):
        self._path, self._code = path, code
        self._rows = [row for row in _read(path) if row["code"] == code] if path else []

    def get(self, key: dict, measure: Callable[[], dict]) -> dict:
        """The row of a key, measured if there is none."""
        for row in self._rows:
            if all(row[name] == wanted for name, wanted in key.items()):
                return row
        row = {"code": self._code, "commit": commit(), **key, **measure()}
        self._rows.append(row)
        if self._path is not None:
            with atomic(self._path) as temporary:
                pd.DataFrame(self._rows).to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        return row

    @property
    def commits(self) -> str:
        """The commits that measured the rows, in words."""
        return ", ".join(dict.fromkeys(row["commit"] for row in self._rows))


def made_by(path: Path, code: str) -> tuple[list[str], bool]:
    """The commits that a file of figures names, and whether all of it rests on what has the digest `code`.

    Args:
        path: Rows (.csv), or an object that is like one (.json).
    """
    rows = _read(path)
    commits = dict.fromkeys(row["commit"] for row in rows)
    return list(commits), bool(rows) and all(row["code"] == code for row in rows)


def _read(path: Path) -> list[dict]:
    if not path.is_file():
        return []
    if path.suffix == ".json":
        return [read_json(path)]
    return pd.read_csv(path, dtype={"code": str, "commit": str}).to_dict("records")


def digest(parts: Iterable[str]) -> str:
    """A short digest of what measurements rest on."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
