"""Git, asked through its command line."""

import subprocess
from pathlib import Path


def git(root: Path, *arguments: str) -> str | None:
    """What git says in the folder `root`, without the line break at its end; None where it fails or is not there."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout.rstrip("\n")
