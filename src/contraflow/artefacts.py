"""Files that a step leaves behind: written whole or not at all, and carrying what they were made from.

An artefact's *provenance* is a JSON-able dict: the step, the parameters it read, and the SHA-256 of each input.
It holds no time, path or machine fact, so equal runs write equal bytes.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from contraflow.errors import UserError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well, remove it otherwise.

    The data are flushed to disk before the rename, and a hard-linked old file is replaced, never written into.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all. NaN is refused with ValueError: it is not JSON."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the step that makes it first") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}): delete it and run its step again") from None


def save_arrays(path: Path, provenance: dict, **arrays: np.ndarray) -> None:
    """Write named arrays and their provenance to one `.npz` file; equal content gives equal bytes."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, provenance=np.array(json.dumps(provenance, sort_keys=True)), **arrays)


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read what `save_arrays` wrote: the arrays by name, and the provenance.

    Raises:
        UserError: the file is missing, cut short or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the step that makes it first") from None
    except Exception as error:  # zipfile, zlib, struct and numpy each raise their own for a damaged file
        raise UserError(f"{path} is damaged ({error}): delete it and run its step again") from None
    return arrays, json.loads(str(arrays.pop("provenance")))


def require_same(path: Path, what: str, expected: str, found: str | None) -> None:
    """Refuse an artefact that was made from something else than what it is used with.

    Raises:
        UserError: `found`, the digest of `what` in the artefact's provenance, is not the `expected` one.
    """
    if found != expected:
        made_from = found[:12] if found else "none"
        raise UserError(
            f"{path} was made from another {what} (digest {made_from}, expected {expected[:12]}): "
            "delete it and run the workflow again"
        )
