"""Modification times of files: what Snakemake goes by."""

import os
from collections.abc import Iterable
from pathlib import Path

from contraflow.foundations.errors import UserError

STALE = 1  # seconds since 1970; not 0, which Snakemake takes for "unknown"


def set_times(files: Iterable[Path], seconds: float) -> None:
    """Of a link into DVC's cache, the link's own time: by it Snakemake goes, and the cache serves other runs, too."""
    for file in files:
        os.utime(file, (seconds, seconds), follow_symlinks=False)


def bring_to_present(files: Iterable[Path], now: float, root: Path) -> None:
    """Give files in the folder `root` that are dated in the future the time `now`, and what links among them lead to.

    Raises:
        UserError: that is not allowed.
    """
    for file in files:
        if max(file.lstat().st_mtime, file.stat().st_mtime) > now:
            try:
                os.utime(file, (now, now))
                set_times([file], now)
            except PermissionError:
                name = file.relative_to(root)
                raise UserError(f"{name} is dated in the future, and only its owner may `touch` it") from None
