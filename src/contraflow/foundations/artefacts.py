"""Files that a step leaves behind: written whole or not at all."""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from contraflow.foundations.errors import UserError

_NUMBERS = re.compile(r'\[\n([^"\[\]{}]+)\]')  # no text has a line break of its own: JSON writes it as \n
_CANNOT_WRITE = {  # what to do where writing fails
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room within your quota",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EROFS: "make the folder writable",
    errno.EACCES: "make the folder writable",
    errno.EPERM: "make the folder writable",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one sentence why `path` cannot be written, where that is why the block fails.

    Raises:
        UserError: the place is full or may not be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise UserError(
            f"{path} cannot be written ({os.strerror(error.errno)}): {_CANNOT_WRITE[error.errno]} "
            "and run the same command again; what is finished is kept"
        ) from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say in one sentence why `path`, which a step has made, cannot be read, where that is why the block fails.

    Raises:
        UserError: the file is missing, cut short or damaged.
    """
    try:
        yield
    except (UserError, PermissionError, IsADirectoryError, NotADirectoryError):  # say themselves what the place is
        raise
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the step that makes it first") from None
    except Exception as error:  # each library raises its own for a damaged file
        raise UserError(f"{path} is damaged ({error}): delete it and run its step again") from None


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well, remove it otherwise.

    The data are flushed to disk before the rename, and a hard-linked old file is replaced, never written into.

    Raises:
        UserError: the place is full or may not be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with suppress(OSError):  # the folder may be what cannot be written
                temporary.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(path: Path) -> str:
    """Hex MD5 of a file's content: DVC's name for it, and that of older archives."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def fingerprint(provenance: dict[str, Any], contents: Iterable[tuple[str, memoryview]]) -> str:
    """Hex SHA-256 of a provenance and of contents, each with words that say what it is: none may change unnoticed."""
    digest = hashlib.sha256(json.dumps(provenance, sort_keys=True).encode())
    for words, content in contents:
        digest.update(words.encode())
        digest.update(content)
    return digest.hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON, whole or not at all: indented, but for lists of numbers, which stay on one line.

    NaN is refused with ValueError: it is not JSON.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    text = _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; errors as for `reading`."""
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8"))
