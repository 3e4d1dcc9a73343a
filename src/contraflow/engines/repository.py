"""Whether git works in a folder: DVC keeps its experiments there, and says only in words of its own that it cannot."""

import os
import re
import subprocess
from pathlib import Path

from contraflow.foundations.errors import UserError


def complaint(root: Path) -> str | None:
    """What to type where git does not work in the folder `root`, in one sentence; None where it does."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--git-dir"],
            cwd=root,
            capture_output=True,
            text=True,
            env=os.environ | {"LC_ALL": "C"},
        )
    except FileNotFoundError:
        return "git is not installed, and DVC keeps its experiments in it: install it and run the same command again"
    if not done.returncode:
        return None
    if trust := re.search(r"git config --global --add safe\.directory .+", done.stderr):
        return (
            "git and DVC's experiments do not work in a folder that another user owns, unless told to trust it: "
            f"type `{trust[0]}`"
        )
    return (
        "this folder is no git repository, in which DVC keeps its experiments: "
        "type `git init && git add -A && git commit -m start` and run the same command again"
    )


def require_git(root: Path) -> None:
    """Refuse to go on where git does not work.

    Raises:
        UserError: it does not, and why.
    """
    if words := complaint(root):
        raise UserError(words)
