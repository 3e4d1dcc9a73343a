"""By which commit figures were made."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = [
    "*.py",
    "params.yaml",
    "dvc.yaml",
    "requirements.lock",
]  # what figures rest on; files of figures are not among it


@cache
def commit() -> str:
    """The commit whose code this process runs, 12 digits, and `-dirty` behind it where that code was changed since."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return f"{head}-dirty" if _git("status", "--porcelain", "--", *CODE) else head


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
