"""One process at a time writes a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contraflow.errors import UserError


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Make `folder` where it is missing, and be the only one that writes it.

    The claim is a lock of the operating system on the folder itself: it leaves no file, and ends with the process
    however that ends.

    Raises:
        UserError: another process has claimed the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder, fcntl.LOCK_EX) as free:
        if not free:
            raise UserError(f"{folder} is being written by another process: wait until it has ended, or stop it")
        yield


def claimed(folder: Path) -> bool:
    """Whether a process is writing the folder now."""
    if not folder.is_dir():
        return False
    with _locked(folder, fcntl.LOCK_SH) as free:
        return not free


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[bool]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        except OSError:  # a file system without such locks
            yield True
        else:
            yield True
    finally:
        os.close(descriptor)
