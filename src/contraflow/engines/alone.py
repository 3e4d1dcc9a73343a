"""One run at a time in a directory, and no process that outlives the one it works for."""

import os
import platform
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from contraflow.engines.submitted import dismiss_jobs
from contraflow.foundations.artefacts import writing

WORKS_FOR = "CONTRAFLOW_WORKS_FOR"
LAST_WORDS = 1  # seconds
MAKE_WAY = 0.5  # seconds: less, so that they end within
CANCELLING = 5  # seconds in which a batch system is told that its jobs are cancelled
PATIENCE = 5  # seconds in which a plan (`snakemake -n`) or a dying run makes way

_held: list[FileLock] = []  # kept referenced: a lock that is collected is released


def alone(root: Path) -> bool:
    """Become the only run in the folder `root` until this process ends; False where another is at work.

    The kernel releases this lock however its holder ends. Snakemake's own lock files outlive a SIGKILL and would ask
    for `--unlock`: whoever holds this lock knows that they are left over, and removes them.

    Raises:
        UserError: the folder may not be written to.
    """
    records = root / ".snakemake"
    lock, locks = FileLock(records / "contraflow.lock"), records / "locks"
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with writing(records):
                records.mkdir(exist_ok=True)
                lock.acquire(blocking=False)
            break
        except Timeout:
            at_work = locks.is_dir() and any(locks.iterdir())
            if at_work and time.monotonic() > deadline:
                return False
            time.sleep(0.1)
    _held.append(lock)
    shutil.rmtree(locks, ignore_errors=True)
    return True


def stop_at_once(submits: Callable[[], bool]) -> None:
    """Let Ctrl-C end this process at once, with one line: what a SIGKILL cannot harm needs no ceremony.

    Its jobs, which Ctrl-C ends as well, have their last words first. What Snakemake's other threads say of these ends
    meanwhile is not for the user, who wanted them. Where it `submits` its jobs to a batch system, Snakemake cancels
    those that are there; any that it misses see that their run was stopped.
    """

    def stop(*_) -> None:
        terminal, nowhere = os.dup(sys.stderr.fileno()), os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())

        def end(*_) -> None:
            psutil.wait_procs(psutil.Process().children(recursive=True), timeout=LAST_WORDS)
            os.write(terminal, b"\nStopped. The same command goes on from here.\n")
            os._exit(128 + signal.SIGINT)

        if not submits():
            end()
        dismiss_jobs(Path.cwd())
        signal.signal(signal.SIGINT, end)
        threading.Timer(CANCELLING, end).start()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)


def work_for_me() -> None:
    """Let the jobs that this process starts end with it."""
    os.environ[WORKS_FOR] = f"{os.getpid()} {platform.node()}"


def end_with_employer() -> None:
    """End this process when the one that `work_for_me` named has ended, however that happened.

    On Ctrl-C, which both get, it ends in silence and after that one has seen to it: else that would tell of an error.
    On another host it ends with the training of which it is a part.
    """

    def make_way(*_) -> None:
        time.sleep(MAKE_WAY)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)

    employer, _, host = os.environ.get(WORKS_FOR, "").partition(" ")
    if employer and host == platform.node():
        signal.signal(signal.SIGINT, make_way)
        _end_with(int(employer))


def end_with_dvc() -> float:
    """End this process when the `dvc` above it has ended, however that happened; return when that started, in seconds.

    Where it cannot be found, that is now.
    """
    for parent in psutil.Process().parents():
        if any("dvc" in Path(word).name for word in parent.cmdline()[:3]):
            _end_with(parent.pid)
            return parent.create_time()
    return time.time()


def _end_with(pid: int) -> None:
    """A killed process cannot stop its children; so each watches the one it works for."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGKILL)

    def watch() -> None:
        select.select([watched], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="end with employer").start()
