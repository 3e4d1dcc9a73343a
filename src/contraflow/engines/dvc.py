"""DVC and git, asked and told through their command lines; of DVC's files dvc.lock and the cache are read directly."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import yaml

from contraflow.foundations.artefacts import write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say

LOCK = "dvc.lock"
PATIENCE = 60  # seconds in which another DVC, or one whose run was killed, may finish what it is writing
BUSY = ("Unable to acquire lock", "is busy, it is being blocked")  # what DVC says then


def git(root: Path, *arguments: str) -> str | None:
    """What git says in the folder `root`, without the line break at its end; None where it fails or is not there."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout.rstrip("\n")


def locked(root: Path) -> dict[str, dict]:
    """What the `dvc.lock` in the folder `root` records of each stage; nothing where there is none."""
    file = root / LOCK
    content = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader) if file.is_file() else None
    return (content or {}).get("stages") or {}


class Dvc:
    """The DVC repository in the folder `root`."""

    def __init__(self, root: Path):
        self.root = root

    def changes(self) -> dict[str, list]:
        """What `dvc status` finds changed: for each stage that is, a list of what.

        Raises:
            UserError: this is no DVC repository or its files are damaged, in DVC's own words.
        """
        if self.lock.is_file() and not self.lock.read_bytes().endswith(b"\n"):  # what is left of a line may be YAML
            self._renew_lock()
        return json.loads(self._run("status", "--json"))

    def commit(self, stages: Iterable[str]) -> None:
        """Record the outputs of `stages` as they are now in `dvc.lock` and the cache."""
        self._run("commit", "--force", *stages)

    def recorded(self, stage: str) -> dict[str, str]:
        """The files that `dvc.lock` records as outputs of a stage, with their MD5."""
        found = {}
        for out in locked(self.root).get(stage, {}).get("outs", []):
            if not out["md5"].endswith(".dir"):
                found[out["path"]] = out["md5"]
            elif listing := self.cached(out["md5"]):
                found |= {
                    f"{out['path']}/{entry['relpath']}": entry["md5"] for entry in json.loads(listing.read_text())
                }
        return found

    def forget(self, stages: Iterable[str]) -> None:
        """Strike stages from `dvc.lock`, and what it records of them from the run-cache, which would bring it back."""
        left = locked(self.root)
        struck = [left.pop(stage) for stage in set(stages) & left.keys()]
        write_text(self.lock, yaml.safe_dump({"schema": "2.0", "stages": left}, sort_keys=False))
        for run in self._cache.parents[1].glob("runs/*/*/*"):
            if yaml.load(run.read_text(encoding="utf-8"), yaml.CSafeLoader) in struck:
                run.unlink()
                if not any(run.parent.iterdir()):  # in which DVC would look for the newest
                    run.parent.rmdir()

    @property
    def lock(self) -> Path:
        return self.root / LOCK

    def cached(self, digest: str) -> Path | None:
        """A file of the cache by its MD5; None where there is none."""
        path = self._cache / digest[:2] / digest[2:]
        return path if path.is_file() else None

    @cached_property
    def _cache(self) -> Path:
        return self.root / self._run("cache", "dir").strip() / "files" / "md5"

    def _run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "dvc", *arguments]
        deadline, mended = time.monotonic() + PATIENCE, False
        while True:
            done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
            if not done.returncode:
                return done.stdout
            words = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            time.sleep(1)
            if any(busy in words for busy in BUSY) and time.monotonic() < deadline:
                continue
            if mended or not self._mend(words):
                raise UserError(f"`dvc {' '.join(arguments)}` failed: {words}")
            mended = True

    def _mend(self, complaint: str) -> bool:
        """Mend what DVC says it cannot read, where a SIGKILL may have hit it while it wrote; whether it was such.

        DVC writes `dvc.lock` and its own lock file in place. The second, cut short, holds nothing.
        """
        held = self.root / ".dvc" / "tmp" / "rwlock"
        if held.name in complaint and held.is_file():
            held.unlink()
            say(f"{held.relative_to(self.root)} was cut short by a killed run and is removed")
            return True
        if LOCK in complaint and self.lock.is_file():
            self._renew_lock()
            return True
        return False

    def _renew_lock(self) -> None:
        """Take `dvc.lock` from git again, or do without: the traces of the jobs bring back what it no longer knows."""
        aside = self.root / ".dvc" / "tmp" / f"{LOCK}.damaged"
        self.lock.replace(aside)
        if committed := git(self.root, "show", f"HEAD:./{LOCK}"):
            write_text(self.lock, f"{committed}\n")
        say(f"{LOCK} was damaged and is made anew (the old one: {aside.relative_to(self.root)}); no result is lost")
