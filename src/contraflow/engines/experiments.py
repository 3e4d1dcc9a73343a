"""Runs that DVC has recorded: experiments and commits, by name, each with its parameters and its files.

A run is its `dvc.lock`: the parameters and the code of each stage, and the MD5 of each file, by which DVC's cache holds
it. Git gives the `dvc.lock` of any commit, and an experiment is a commit under `refs/exps/`. So nothing is checked out,
and no remote is asked.
"""

import json
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import yaml

from contraflow.engines.dvc import LOCK, Dvc, git
from contraflow.foundations.errors import UserError
from contraflow.settings.values import flat

WORKSPACE = "workspace"  # DVC's word for the files that lie there now
EXPERIMENT = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38,})/([^/]+)")  # of which commit, and its name


class Recorded:
    """One run.

    Args:
        name: What the user calls it.
        lock: Text of its `dvc.lock`.
        dvc: Where its files are cached.

    Raises:
        UserError: `lock` is damaged or of several runs.
    """

    def __init__(self, name: str, lock: str, dvc: Dvc):
        self.name, self._dvc = name, dvc
        try:
            self.stages: dict[str, dict] = yaml.load(lock, yaml.CSafeLoader)["stages"]
        except (yaml.YAMLError, TypeError, KeyError):
            raise UserError(f"{LOCK} of {name} records no stages: run `dvc exp run` or `snakemake`") from None
        self._require_one_run()

    def params(self) -> dict[str, object]:
        """Every parameter that a stage read, by its dotted name."""
        found: dict[str, object] = {}
        for stage in self.stages.values():
            for file in stage.get("params", {}).values():
                found |= flat(file)
        return found

    def dependencies(self, stage: str) -> dict[str, str]:
        """The files and folders that a stage read, with their MD5, its code among them."""
        return {entry["path"]: entry["md5"] for entry in self.stages.get(stage, {}).get("deps", [])}

    def outputs(self, stage: str) -> dict[str, str]:
        """The files and folders that a stage made, with their MD5; that of a folder ends in `.dir`."""
        return {entry["path"]: entry["md5"] for entry in self.stages.get(stage, {}).get("outs", [])}

    @cached_property
    def _made(self) -> dict[str, str]:
        return {path: digest for stage in self.stages for path, digest in self.outputs(stage).items()}

    def files(self, folder: str) -> dict[str, str]:
        """The files in a folder that a stage made, as paths from the root with their MD5.

        Raises:
            UserError: no stage made it, or its listing is not in the cache.
        """
        listing = json.loads(self._cached(folder, self._made.get(folder)).read_bytes())
        return {f"{folder}/{entry['relpath']}": entry["md5"] for entry in listing}

    def read(self, path: str) -> bytes:
        """Content of a file that a stage made, alone or in a folder.

        Raises:
            UserError: the run has no such file, or the cache does not.
        """
        folder = next((folder for folder in self._made if path.startswith(f"{folder}/")), None)
        digest = self.files(folder).get(path) if folder else self._made.get(path)
        return self._cached(path, digest).read_bytes()

    def _cached(self, path: str, digest: str | None) -> Path:
        if digest is None:
            raise UserError(f"{self.name} has no {path}: its run is not complete, go on with `dvc exp run`")
        if found := self._dvc.cached(digest):
            return found
        raise UserError(
            f"{path} of {self.name} is not in DVC's cache: get it with `dvc pull` where that run is checked out or "
            "applied, or make it again with `dvc exp run`"
        )

    def _require_one_run(self) -> None:
        """Refuse a `dvc.lock` in which a stage read something else than what is recorded as made."""
        for stage in self.stages:
            for path, digest in self.dependencies(stage).items():
                if self._made.get(path, digest) != digest:
                    raise UserError(
                        f"{LOCK} of {self.name} is of two runs, since {stage} has not seen the present {path}: "
                        "finish the run with `snakemake` or `dvc exp run`"
                    )


class Experiments:
    """What the DVC repository in the folder `root` has recorded."""

    def __init__(self, root: Path):
        self.root, self._dvc = root, Dvc(root)

    def present_commit(self) -> list[str]:
        """The name of the branch or commit that is checked out; empty where it records no run."""
        branch = self._git("rev-parse", "--abbrev-ref", "HEAD")
        name = self._git("rev-parse", "--short", "HEAD") if branch == "HEAD" else branch
        return [name] if self._lock("HEAD") else []

    def of_present_commit(self) -> list[str]:
        """Names of the experiments that start from the commit that is checked out, the oldest first."""
        head = self._git("rev-parse", "HEAD")
        return [name for commit, name, _ in self._refs() if commit == head]

    def find(self, names: Iterable[str]) -> list[Recorded]:
        """The runs with these names: of experiments, of anything that git takes for a commit, or `workspace`.

        Raises:
            UserError: there is no such run, or there are several.
        """
        return [self._find(name) for name in dict.fromkeys(names)]

    def _find(self, name: str) -> Recorded:
        if name == WORKSPACE:
            file = self.root / LOCK
            lock = file.read_text(encoding="utf-8") if file.is_file() else None
        else:
            lock = self._lock(self._commit(name))
        if lock is None:
            raise UserError(f"{name} has no {LOCK}, so no run is recorded there: run `dvc exp run` or `snakemake`")
        return Recorded(name, lock, self._dvc)

    def _commit(self, name: str) -> str:
        head, refs = self._git("rev-parse", "HEAD"), self._refs()
        named = [ref for ref in refs if ref[1] == name]
        if own := [ref for ref in named if ref[0] == head] or named:
            if len(own) > 1:
                commits = ", ".join(of[:7] for of, *_ in own)
                raise UserError(f"{name} names several experiments, of the commits {commits}")
            return own[0][2]
        if commit := self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"):
            return commit
        known = ", ".join(dict.fromkeys(known for _, known, _ in refs))
        there = f"experiments here: {known}" if known else "there are no experiments here yet: `dvc exp run`"
        raise UserError(f"{name} is neither an experiment nor a commit; {there}")

    def _refs(self) -> list[tuple[str, str, str]]:
        """Every experiment: the commit that it starts from, its name, and its own commit; the oldest first."""
        lines = self._git("for-each-ref", "--sort=creatordate", "--format=%(objectname) %(refname)", "refs/exps") or ""
        pairs = (line.split(" ", 1) for line in lines.splitlines())
        matches = ((own, EXPERIMENT.fullmatch(ref)) for own, ref in pairs)
        return [(match[1] + match[2], match[3], own) for own, match in matches if match]

    def _lock(self, commit: str) -> str | None:
        return self._git("show", f"{commit}:./{LOCK}")

    def _git(self, *arguments: str) -> str | None:
        return git(self.root, *arguments)
