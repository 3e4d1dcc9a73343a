"""Throw-away repositories in which the real `snakemake` and `dvc` run the workflow on a few tiny images."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from contraflow.foundations.artefacts import sha256

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass
class Repository:
    """A clone of the project with its own parameters."""

    path: Path

    def start(self, command: str) -> subprocess.Popen:
        """Start a command as a user types it, in a process group of its own."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "GIT_"))}
        environment |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "OMP_WAIT_POLICY": "passive"}
        return subprocess.Popen(
            ["/bin/bash", "-c", command],
            cwd=self.path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str, *, fails: bool = False) -> str:
        """Run a command as a user types it; return all that it prints."""
        process = self.start(command)
        said = process.communicate()[0]
        assert (process.returncode != 0) == fails, f"{command}\n{said}"
        return said

    def jobs(self, command: str) -> list[str]:
        """Names of the rules whose jobs a command really ran, sorted."""
        return self.finished(self.run(command))

    def finished(self, said: str) -> list[str]:
        """The same, from what a command printed; without the target rules, which run nothing."""
        return sorted(set_aside(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", said)))

    def planned(self) -> list[str]:
        """Names of the rules whose jobs `snakemake -n` would run, sorted."""
        said = self.run("snakemake -n 2>&1")
        counts = re.findall(r"^(\w+) +(\d+)$", said.split("Job stats:")[-1], re.MULTILINE)
        return sorted(set_aside(name for name, count in counts for _ in range(int(count))))

    def params(self) -> dict:
        return yaml.safe_load((self.path / "params.yaml").read_text())

    def set(self, **changes) -> None:
        """Change parameters by hand: `set(loss={"tau": 0.1})`."""
        file = self.path / "params.yaml"
        content = yaml.safe_load(file.read_text())
        for section, value in changes.items():
            content[section] = {**content[section], **value} if isinstance(value, dict) else value
        file.write_text(yaml.safe_dump(content, sort_keys=False))

    def json(self, command: str) -> dict:
        return json.loads(self.run(command))

    def results(self) -> dict[str, str]:
        """SHA-256 of every file that a run leaves, but for the one that tells what differs between equal runs."""
        files = (path for path in (self.path / "results").rglob("*") if path.is_file())
        files = (path for path in files if path.name != "circumstances.html")
        return {path.relative_to(self.path).as_posix(): sha256(path) for path in files}

    def up_to_date(self) -> bool:
        """Whether both engines say that there is nothing to do."""
        return "Nothing to be done" in self.run("snakemake -n 2>&1") and self.json("dvc status --json") == {}


def set_aside(rules: Iterable[str]) -> list[str]:
    return [rule for rule in rules if "_" in rule]


def clone(path: Path) -> Repository:
    """What git has or would have of this working tree, committed in a repository of its own."""
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, path / name)
    repository = Repository(path)
    repository.run("git init -q -b main && git config user.name test && git config user.email test@localhost")
    return repository


@pytest.fixture(scope="session")
def new_repository(image_folder, params_of):
    """`new_repository(path, train={"epochs": 2})`: committed, with quick parameters, over 60 images in `images`."""

    def make(path: Path, **changes) -> Repository:
        repository = clone(path)
        image_folder(repository.path / "images")
        probe = {"linear": {"weight_decay": [1e-3], "max_iterations": 40}}
        repository.set(**params_of(data={"path": "images"}, eval=probe, **changes).model_dump())
        (path / "baseline.json").write_text("{}\n")  # not what is pinned in this working tree
        repository.run("git add -A && git commit -q -m start")
        return repository

    return make


@pytest.fixture(scope="module")
def repository(tmp_path_factory, new_repository) -> Repository:
    return new_repository(tmp_path_factory.mktemp("repository"))
