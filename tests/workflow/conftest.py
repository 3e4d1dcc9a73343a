"""Throw-away repositories in which the real `snakemake` and `dvc` run the workflow on a few tiny images."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass
class Repository:
    """A clone of the project with its own parameters."""

    path: Path

    def run(self, command: str, *, fails: bool = False) -> str:
        """Run a command as a user types it; return all that it prints."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "GIT_"))}
        environment |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            executable="/bin/bash",
        )
        assert (done.returncode != 0) == fails, f"{command}\n{done.stdout}"
        return done.stdout

    def jobs(self, command: str) -> list[str]:
        """Names of the rules whose jobs a command really ran, sorted."""
        return sorted(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", self.run(command)))

    def set(self, **changes) -> None:
        """Change parameters by hand: `set(loss={"tau": 0.1})`."""
        file = self.path / "params.yaml"
        content = yaml.safe_load(file.read_text())
        for section, value in changes.items():
            content[section] = {**content[section], **value} if isinstance(value, dict) else value
        file.write_text(yaml.safe_dump(content, sort_keys=False))

    def json(self, command: str) -> dict:
        return json.loads(self.run(command))

    def up_to_date(self) -> bool:
        """Whether both engines say that there is nothing to do."""
        return "Nothing to be done" in self.run("snakemake -n 2>&1") and self.json("dvc status --json") == {}


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


@pytest.fixture(scope="module")
def repository(tmp_path_factory, image_folder, params_of) -> Repository:
    """A committed repository whose parameters take seconds, over 60 images in the folder `images`."""
    repository = clone(tmp_path_factory.mktemp("repository"))
    image_folder(repository.path / "images")
    repository.set(**params_of(data={"path": "images"}).model_dump())
    repository.run("git add -A && git commit -q -m start")
    return repository
