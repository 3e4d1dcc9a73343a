"""The command `new`: a repository of one's own with the workflow in it, and its renewal. No stage.

What is shipped is a line of commits in the history of the repository, one a version. The first is where its own history
begins, and each later one is merged into it, so that git knows what its owner changed and what contraflow did.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from contraflow.commands.options import PARAMS
from contraflow.commands.shipped import File, shipped, title
from contraflow.commands.written import as_yaml
from contraflow.engines.circumstances import changed_files
from contraflow.engines.dvc import git
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say
from contraflow.params import load_params

MARK = "Shipped-By: contraflow new"  # a line in the message of each commit of what is shipped
SHIPPED = "refs/contraflow/shipped"  # the newest of them


def new(
    folder: Annotated[Path, typer.Argument(help="Where it shall be; or one that is there already, to be renewed.")],
) -> None:
    """Make a repository of your own with the workflow in it, or renew one that was made so.

    It shares the environment of this command, where `setup.sh` made that one, until their versions differ. In one that
    is there already what its owner did not change is replaced, and what both changed is merged: parameters keep their
    values, of other files git merges the lines.

    Raises:
        UserError: the folder holds something else, or changes that are not committed, or parameters that cannot be; git
            is not there, or knows no name and address; or a merge needs a person.
    """
    if not shutil.which("git"):
        raise UserError("git is not installed, and a repository of your own is one of git: install it first")
    asked = folder if folder.is_dir() else Path()
    if not (git(asked, "config", "user.name") and git(asked, "config", "user.email")):
        raise UserError(
            "git knows no name and address for you, which commits ask for: type `git config --global user.name NAME` "
            "and `git config --global user.email ADDRESS`"
        )
    if base := _shipped_before(folder):
        _renew(folder, base)
    elif folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(
            f"{folder} is not empty, and `contraflow new` did not make it: name a folder that is not there yet"
        )
    else:
        _make(folder)


def _shipped_before(folder: Path) -> str | None:
    """The commit of what was shipped last to a repository; None where there is no such repository."""
    if not (folder / ".git").exists():
        return None
    return git(folder, "log", "-1", "--topo-order", "--format=%H", f"--grep=^{MARK}$") or None


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.resolve().parent, prefix=".contraflow-new-") as scratch:
        made = Path(scratch)
        _git(made, "init", "--quiet")
        _import(made, _git(made, "symbolic-ref", "HEAD").strip(), shipped())
        _git(made, "reset", "--quiet", "--hard")
        environment = Path(sys.prefix).resolve()
        if (environment / "lock").is_file():  # setup.sh made it
            (made / ".venv").symlink_to(environment)
        for path in made.iterdir():  # into a folder that may be the one in which this was typed
            path.replace(folder / path.name)
    say(f"{folder} is a repository of your own, with {title()}: type `cd {folder} && make run`")


def _renew(folder: Path, base: str) -> None:
    if changed := changed_files(folder):
        raise UserError(f"{folder} has changes that are not committed ({', '.join(changed)}): commit them first")
    file = folder / PARAMS
    params = as_yaml(load_params(file, complete=False))
    new_commit = _import(folder, SHIPPED, shipped(), base)
    renewed = _changed(folder, base, new_commit)
    if not renewed:
        say(f"{folder} has {title()} already")
        return
    own = set(_changed(folder, base, "HEAD")) & set(renewed) - {PARAMS.name}
    merged = git(folder, "merge", "--quiet", "--no-ff", "--no-commit", new_commit) is not None
    if not merged and git(folder, "rev-parse", "--verify", "--quiet", "MERGE_HEAD") is None:
        _git(folder, "merge", "--no-ff", "--no-commit", new_commit)  # for what git says
    file.write_text(params, encoding="utf-8")
    _git(folder, "add", PARAMS)
    if conflicts := _changed(folder, "--diff-filter=U"):
        raise UserError(
            f"you and contraflow changed the same lines of {', '.join(conflicts)} in {folder}: mend what git marks "
            "there and type `git add -A && git commit`, or `git merge --abort` to go back"
        )
    _git(folder, "commit", "--quiet", "--message", f"Merge {title()}")
    kept = f"; your changes are merged in {', '.join(sorted(own))}" if own else ""
    say(f"{folder} has {title()} now, in {len(renewed)} files{kept}")


def _changed(folder: Path, *what: str) -> list[str]:
    """The files that `git diff` finds changed."""
    return _git(folder, "diff", "--name-only", *what).split("\n")[:-1]


def _import(folder: Path, ref: str, files: dict[str, File], parent: str | None = None) -> str:
    """Commit files, and no others, to a reference; the files of the folder stay as they are."""
    message = f"{title()}\n\n{MARK}\n".encode()
    stream = [f"commit {ref}\ncommitter {_git(folder, 'var', 'GIT_COMMITTER_IDENT')}data {len(message)}\n".encode()]
    stream += [message, f"from {parent}\n".encode() if parent else b"", b"deleteall\n"]
    for name, file in sorted(files.items()):
        mode = "100755" if file.program else "100644"
        stream += [f"M {mode} inline {name}\ndata {len(file.content)}\n".encode(), file.content, b"\n"]
    _git(folder, "fast-import", "--quiet", "--force", given=b"".join(stream))
    return _git(folder, "rev-parse", ref).strip()


def _git(folder: Path, *arguments: str | Path, given: bytes = b"") -> str:
    """What git says.

    Raises:
        UserError: it failed, in its own words.
    """
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", *arguments], cwd=folder, input=given, capture_output=True
    )
    if done.returncode:
        words = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        raise UserError(f"`git {arguments[0]}` failed in {folder}: {words}")
    return done.stdout.decode()
