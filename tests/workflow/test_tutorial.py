"""docs/tutorial.md as a new user goes through it: its commands, typed in one shell in an empty directory."""

import hashlib
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from fixtures.repositories import BIN, ROOT, clone
from PIL import Image

from contraflow.engines.dvc import locked

TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
BLOCK = re.compile(r"```(bash|text)\n(.*?)```", re.DOTALL)
END = "what was typed has ended with"
LOCKED = ("requirements.lock", "pyproject.toml")
QUICK = {"linear": {"weight_decay": [1e-3], "max_iterations": 40}, "few_labels": []}  # probes would be most of the time


class Shell:
    """A shell in which somebody types."""

    def __init__(self, folder: Path, environment: dict[str, str]):
        self.process = subprocess.Popen(
            ["/bin/bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type(self, commands: str) -> tuple[str, bool]:
        """What commands print, and whether one of them failed."""
        self.process.stdin.write(f"failed=0; trap failed=1 ERR\n{commands}\ntrap - ERR; echo {END} $failed\n")
        self.process.stdin.flush()
        said = ""
        while END not in said:
            line = self.process.stdout.readline()
            assert line, said
            said += line
        return said, f"{END} 1" in said


def grey(folder: Path) -> None:
    """Make pictures grey: probes of their pixels then take seconds."""
    for file in folder.rglob("*"):
        with suppress(OSError), Image.open(file) as picture:
            picture.convert("LA" if picture.mode == "RGBA" else "L").save(file)


@pytest.fixture
def shell(tmp_path, photographs):
    """Of a user who has the photographs, and may clone the working tree from where the tutorial says it is."""
    home, origin = tmp_path / "home", tmp_path / "origin"
    grey(shutil.copytree(photographs, home / "Pictures/holidays"))
    clone(origin / "contraflow").run("git add -A && git commit -q -m start")
    (home / ".gitconfig").write_text(f'[url "file://{origin}/"]\n    insteadOf = https://ADDRESS/\n')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
    kept.setdefault("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))  # compiled views
    (tmp_path / "work").mkdir()
    shell = Shell(tmp_path / "work", kept | {"HOME": str(home), "OMP_WAIT_POLICY": "passive"})
    yield shell
    shell.process.stdin.close()
    shell.process.wait()


def environment(repository: Path) -> None:
    """What `setup.sh` would have made by downloading: the programs that run this, as of this repository's lock."""
    if (repository / ".venv").is_symlink():
        (repository / ".venv").unlink()
    (repository / ".venv").mkdir()
    (repository / ".venv/bin").symlink_to(BIN)
    # as `sha256sum requirements.lock pyproject.toml | sha256sum`
    sums = (f"{hashlib.sha256((repository / f).read_bytes()).hexdigest()}  {f}\n" for f in LOCKED)
    (repository / ".venv/lock").write_text(f"{hashlib.sha256(''.join(sums).encode()).hexdigest()}\n")


def test_every_command_in_the_order_of_the_page(shell, tmp_path):
    said = ""
    own = tmp_path / "work/my-photos"
    for kind, text in BLOCK.findall(TUTORIAL):
        if kind == "text":
            assert [line for line in text.splitlines() if line not in said] == []
            continue
        said, failed = shell.type(text)
        assert failed == ("data.path=photos" in text), said  # two of the photographs are broken
        assert "Traceback" not in said
        if "git clone" in text:
            environment(tmp_path / "work/contraflow")
        if "contraflow new" in text:
            assert os.path.islink(own / ".venv") == (BIN.parent / "lock").is_file()
            environment(own)
            params = yaml.safe_load((own / "params.yaml").read_text())
            params["eval"] |= QUICK
            (own / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    page = (own / "results/report.html").read_text()
    assert "犬/notes 犬.jpg" in page and ".txt" in page
    assert set(locked(own)) == {"fetch", "encode", "pretrain", "mine", "evaluate", "report"}
    assert "Nothing to be done" in shell.type("snakemake -n 2>&1; dvc status")[0]
