"""DVC, asked and told through its command line, and its two files that are read directly: dvc.lock and the cache."""

import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import yaml

from contraflow.errors import UserError

LOCK = "dvc.lock"


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
        self._run("commit", "--quiet", "--force", *stages)

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
        if not _parses(self.lock, lambda text: yaml.load(text, yaml.CSafeLoader)["stages"]):
            shown = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], cwd=self.root, capture_output=True)
            self.lock.unlink()
            if not shown.returncode:
                self.lock.write_bytes(shown.stdout)
            said.append(f"{LOCK} was cut short by a killed run and is made anew; no result is lost")
        held = self.root / ".dvc" / "tmp" / "rwlock"
        if not _parses(held, json.loads):
            held.unlink()
            said.append(f"{held.relative_to(self.root)} was cut short by a killed run and is removed")
        return said

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=self.root, capture_output=True, text=True)
        if done.returncode:
            words = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            raise UserError(f"`dvc {' '.join(arguments)}` failed: {words}")
        return done.stdout


def _parses(path: Path, parse) -> bool:
    """Whether a file is absent or holds what it should."""
    if not path.is_file():
        return True
    try:
        parse(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError, yaml.YAMLError):
        return False
    return True
