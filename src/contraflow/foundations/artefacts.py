"""Files that a step leaves behind: written whole or not at all, and carrying what they were made from.

An artefact's *provenance* is what it was made from: the step, the parameters it read, and the SHA-256 of each input.
It holds no time, path or machine fact, so equal runs write equal bytes.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from contraflow.foundations.errors import UserError
from contraflow.foundations.stages import code_digest

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


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What an artefact was made from; kinds of artefacts add what only they know.

    Attributes:
        step: The stage, or the command, that made it.
        code: SHA-256 of the code of the stage.
        representation: What was measured.
        seed: Of the training behind it.
        round: The number of the training behind it, 0 before mining.
        params: The parameters that it depends on, by their names in `params.yaml`.
        inputs: SHA-256 of each input, by name; a list for several of one name.
    """

    step: str
    code: str | None = None
    representation: str | None = None
    seed: int | None = None
    round: int | None = None
    params: dict[str, Any] | None = None
    inputs: dict[str, Any]

    @classmethod
    def of_stage(cls, stage: str, **known: Any) -> Self:
        """Of what a stage makes with the code that is here."""
        return cls(step=stage, code=code_digest(stage), **known)

    @classmethod
    def of_content(cls, content: dict, path: Path) -> Self:
        """What the file `path` says of itself, as far as this kind tells it.

        Raises:
            UserError: something is missing that this version tells.
        """
        try:
            return cls(**{field.name: content[field.name] for field in fields(cls) if field.name in content})
        except TypeError:
            raise UserError(f"{path} was made by another version: delete it and run its step again") from None

    def content(self) -> dict[str, Any]:
        """As JSON has it: what is known."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in known.items() if value is not None}

    def require(self, path: Path, *, data: str, encoder: str | None = None) -> None:
        """Refuse the artefact `path` where it was made from other encoded data, or with another encoder.

        Raises:
            UserError: its inputs have not these digests (`encoder` None: any).
        """
        for what, name, expected in (("encoder", "encoder", encoder), ("data set", "data", data)):
            found = self.inputs.get(name)
            if expected is not None and found != expected:
                made_from = found[:12] if found else "none"
                raise UserError(
                    f"{path} was made from another {what} (digest {made_from}, expected {expected[:12]}): "
                    "delete it and run the workflow again"
                )


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
