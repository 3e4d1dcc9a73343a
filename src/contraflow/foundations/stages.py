"""What `dvc.yaml` says of the stages: the code that each runs, the parameters it reads, what it uses and makes."""

import hashlib
import os
from collections.abc import Iterable
from functools import reduce
from importlib.metadata import version
from operator import getitem
from pathlib import Path
from typing import Any

import yaml

from contraflow.foundations.errors import UserError

PIPELINE = Path("dvc.yaml")
CODE = "src/"


class Stages:
    """The stages of the `dvc.yaml` in the folder `root`, from first to last. Paths are relative to `root`."""

    def __init__(self, root: Path):
        self.root = root
        content = yaml.load((root / PIPELINE).read_text(encoding="utf-8"), yaml.CSafeLoader)
        self._specs: dict[str, dict] = content["stages"]
        self.names = list(self._specs)

    def outputs(self, stage: str) -> set[str]:
        """All outputs of a stage: directories and files."""
        spec = self._specs[stage]
        entries = [entry for key in ("outs", "metrics", "plots") for entry in spec.get(key, [])]
        return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}

    def inputs(self, stage: str) -> list[str]:
        """All dependencies of a stage, its code included; those named by a parameter are left out."""
        return [path for path in self._specs[stage].get("deps", []) if "${" not in path]

    def above(self, stage: str) -> set[str]:
        """The stages whose outputs a stage reads."""
        inputs = set(self.inputs(stage))
        return {other for other in self.names if self.outputs(other) & inputs}

    def made_by(self, path: str, stages: Iterable[str]) -> bool:
        """Whether a path lies at or under an output of one of these stages."""
        outputs = [output for stage in stages for output in self.outputs(stage)]
        return any(path == output or path.startswith(f"{output}/") for output in outputs)

    def code(self, stage: str) -> str:
        """SHA-256 of the source files that a stage runs."""
        digest = hashlib.sha256()
        for path in self.inputs(stage):
            if path.startswith(CODE):
                for file in files_at(self.root / path):
                    name = file.relative_to(self.root).as_posix()
                    digest.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()


def files_at(path: Path) -> list[Path]:
    """The file at a path, or all files below a folder, sorted, but for compiled code, which DVC does not see either.

    What lies behind a folder that may not be searched is no file here: nobody reads it.

    Raises:
        FileNotFoundError: there is nothing.
    """
    if not path.is_dir():
        path.stat()
        return [path]
    return sorted(file for file in path.rglob("*") if os.path.isfile(file) and "__pycache__" not in file.parts)


def code_digest(stage: str) -> str:
    """Digest of the code that a stage runs; outside a repository the version of the package stands for it.

    Raises:
        UserError: a source file that `dvc.yaml` names is missing.
    """
    if not PIPELINE.is_file():
        return version("contraflow")
    try:
        return Stages(Path()).code(stage)
    except FileNotFoundError as error:
        raise UserError(
            f"{PIPELINE} names {error.filename}, which is missing: run `python workflow/sync.py --fix`"
        ) from None


def chosen(params: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The values of the named parameters, by their dotted names."""
    return {name: reduce(getitem, name.split("."), params) for name in names}
