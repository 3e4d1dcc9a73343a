"""One process at a time writes a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor

from contraflow.foundations.errors import UserError


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Make `folder` where it is missing, and be the only one that writes it.

    The claim is a lock of the operating system on the folder itself: it leaves no file, which would be taken for an
    output or outlive a kill, and ends with the process however that ends.

    Raises:
        UserError: another process has claimed the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder) as free:
        if not free:
            raise UserError(f"{folder} is being written by another process: wait until it has ended, or stop it")
        yield


def claimed(folder: Path) -> bool:
    """Whether a process is writing the folder now; one that asks in the very same instant is taken for one."""
    if not folder.is_dir():
        return False
    with _locked(folder) as free:
        return not free


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Lock a folder unless another process has; whether it was free."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            free = lock_descriptor(descriptor, blocking=False)
        except OSError:  # a file system without such locks
            free = True
        yield free
    finally:
        os.close(descriptor)
