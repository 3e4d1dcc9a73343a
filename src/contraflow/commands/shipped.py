"""What a repository of one's own begins with: the workflow of this version, from its own repository or from a wheel."""

import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from contraflow.commands.options import PARAMS
from contraflow.commands.written import as_yaml
from contraflow.engines.circumstances import changed_files, commit
from contraflow.foundations.stages import files_at
from contraflow.params import Params

PACKAGE = Path(__file__).parents[1]
OWN = Path(__file__).parent / "own"
SHARED = "share/contraflow/"  # where a wheel has what lies outside of the package: `data-files` in pyproject.toml


class File(NamedTuple):
    """What a file holds, and whether it is a program."""

    content: bytes
    program: bool = False


def shipped() -> dict[str, File]:
    """The files by their paths: the workflow as it is here; parameters, README and baseline as they are at first."""
    beside = _beside_package(repository()) if repository() else _from_wheel()
    package = ((f"src/contraflow/{path.relative_to(PACKAGE).as_posix()}", path) for path in files_at(PACKAGE))
    written = {PARAMS.name: as_yaml(Params()).encode(), "baseline.json": b"{}\n"}
    return {
        **{name: File(path.read_bytes(), bool(path.stat().st_mode & 0o100)) for name, path in (*beside, *package)},
        **{name: File(content) for name, content in written.items()},
        **{path.name: File(path.read_bytes()) for path in files_at(OWN)},
    }


def title() -> str:
    """What this version is called, with the commit where it is that of a repository."""
    root = repository()
    at = commit(root) if root else ""
    changed = ", and changes" if at and changed_files(root) else ""
    return f"contraflow {metadata.version('contraflow')}" + (f" (commit {at}{changed})" if at else "")


def repository() -> Path | None:
    """The repository whose code runs; None where it is a wheel's."""
    root = PACKAGE.parents[1]
    return root if (root / "Snakefile").is_file() else None


def _beside_package(root: Path) -> Iterator[tuple[str, Path]]:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    for patterns in settings["tool"]["setuptools"]["data-files"].values():
        for path in (path for pattern in patterns for path in root.glob(pattern)):
            yield path.relative_to(root).as_posix(), path


def _from_wheel() -> Iterator[tuple[str, Path]]:
    for file in metadata.files("contraflow") or ():
        _, found, name = file.as_posix().partition(SHARED)
        if found:
            yield name, Path(file.locate())
