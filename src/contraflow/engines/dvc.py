"""DVC, asked and told through its command line, and its two files that are read directly: dvc.lock and the cache."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

import yaml

from contraflow.artefacts import atomic
from contraflow.errors import UserError

LOCK = "dvc.lock"
PATIENCE = 60  # seconds in which another DVC, or one whose run was killed, may finish what it is writing
BUSY = ("Unable to acquire lock", "is busy, it is being blocked")  # what DVC says then


class Dvc:
    """The DVC repository in the folder `root`."""

    def __init__(self, root: Path):
        self.root = root

    def changes(self) -> dict[str, list]:
        """What `dvc status` finds changed: for each stage that is, a list of what.

        Raises:
            UserError: this is no DVC repository or its files are damaged, in DVC's own words.
        """
        return json.loads(self._run("status", "--json"))

    def commit(self, stages: Iterable[str]) -> None:
        """Record the outputs of `stages` as they are now in `dvc.lock` and the cache."""
        self._run("commit", "--force", *stages)

    def recorded(self, stage: str) -> dict[str, str]:
        """The files that `dvc.lock` records as outputs of a stage, with their MD5."""
        lock = yaml.load(self.lock.read_text(encoding="utf-8"), yaml.CSafeLoader) if self.lock.is_file() else {}
        found = {}
        for out in (lock.get("stages") or {}).get(stage, {}).get("outs", []):
            if not out["md5"].endswith(".dir"):
                found[out["path"]] = out["md5"]
            elif listing := self.cached(out["md5"]):
                found |= {
                    f"{out['path']}/{entry['relpath']}": entry["md5"] for entry in json.loads(listing.read_text())
                }
        return found

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

    def mend(self) -> list[str]:
        """Mend what a SIGKILL leaves where it hits DVC while it writes, and say what was mended.

        DVC writes `dvc.lock` and its own lock file in place. A `dvc.lock` cut short is taken from git again, or made
        anew; the traces of the jobs bring back what it no longer knows. A lock file cut short holds nothing.
        """
        said = []
        if _cut_short(self.lock, lambda text: yaml.load(text, yaml.CSafeLoader)["stages"]):
            shown = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], cwd=self.root, capture_output=True)
            if shown.returncode:
                self.lock.unlink()
            else:
                with atomic(self.lock) as temporary:
                    temporary.write_bytes(shown.stdout)
            said.append(f"{LOCK} was cut short by a killed run and is made anew; no result is lost")
        held = self.root / ".dvc" / "tmp" / "rwlock"
        if _cut_short(held, json.loads):
            held.unlink()
            said.append(f"{held.relative_to(self.root)} was cut short by a killed run and is removed")
        return said

    def _run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "dvc", *arguments]
        deadline = time.monotonic() + PATIENCE
        while True:
            done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
            if not done.returncode:
                return done.stdout
            busy = any(words in done.stderr for words in BUSY)
            if not busy or time.monotonic() > deadline:
                words = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
                raise UserError(f"`dvc {' '.join(arguments)}` failed: {words}")
            time.sleep(0.5)


def _cut_short(path: Path, parse: Callable[[str], object]) -> bool:
    """Whether a file holds what cannot be parsed, and still does when a DVC that may be writing it has had its time."""
    for pause in (0, 1):
        time.sleep(pause)
        try:
            parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False
        except (ValueError, KeyError, TypeError, yaml.YAMLError):
            continue
        return False
    return True
