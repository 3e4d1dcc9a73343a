"""Jobs that a batch system starts, perhaps on another host, hours after their run submitted them.

There a process id says nothing. So a run that may submit jobs has a name of its own in a file of the shared folder, and
its jobs inherit that name. A job of another name is refused, and ends as soon as there is another: it works for a run
that was stopped, and what it wrote would replace later results. Each job also holds a lock on what it makes, so that
two never write the same, and a run begins when no job of an earlier one is left. Snakemake, which deletes the outputs
of a job before it runs and after it has failed, is such a job itself.
"""

import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Sequence
from hashlib import sha256
from itertools import takewhile
from pathlib import Path

from filelock import FileLock, Timeout

from contraflow.devices import ALLOCATED, cores
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say

RUN = "CONTRAFLOW_RUN"
WITHIN = "CONTRAFLOW_WITHIN"  # the lock of the Snakemake that started this one
NAME = Path(".snakemake", "contraflow.run")
LOCKS = Path(".snakemake", "contraflow.jobs")
LOOK = 2  # seconds between two looks at the name of the run
PATIENCE = 90  # seconds in which a job sees another name, also where NFS tells of it late, and has ended

_held: list[FileLock] = []  # kept referenced: a lock that is collected is released


def begin_run(root: Path) -> None:
    """Give this run in the folder `root` a name, and wait until the jobs of an earlier one have ended.

    Raises:
        UserError: they do not end, or the folder may not be written to.
    """
    os.environ[RUN] = uuid.uuid4().hex
    write_text(root / NAME, os.environ[RUN])
    for path in sorted((root / LOCKS).glob("*")):
        lock = FileLock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            say("waiting for jobs of an earlier run to end")
            _acquire(lock)
        lock.release()


def dismiss_jobs(root: Path) -> None:
    """Let the jobs that were submitted for the run in the folder `root` end, or not begin."""
    (root / NAME).unlink(missing_ok=True)


def work_for_run(root: Path, words: Sequence[str]) -> None:
    """Be the job that `words`, behind `snakemake`, start for the run in the folder `root`, and end with that.

    Its CPU cores are those that Slurm gave it, or where another batch system started it those that it may use.

    Raises:
        UserError: the run was stopped, or another job makes the same.
    """
    given = (os.environ.get(f"SLURM_CPUS_{of}") for of in ("PER_TASK", "ON_NODE"))  # asked for; allotted, where not
    os.environ[ALLOCATED] = next(filter(None, given), str(cores()))
    os.environ["SRUN_CPUS_PER_TASK"] = os.environ[ALLOCATED]  # which `srun` does not take over from its job
    if (name := os.environ.get(RUN)) is None:  # not every batch system hands on the environment
        return
    # Within a job of Slurm there are two Snakemakes, one that the other has started.
    targets = list(takewhile(lambda word: not word.startswith("-"), words[words.index("--target-jobs") + 1 :]))
    made = sha256(repr([targets, os.environ.get(WITHIN)]).encode()).hexdigest()[:16]
    path, os.environ[WITHIN] = root / LOCKS / made, made
    path.parent.mkdir(parents=True, exist_ok=True)
    _acquire(lock := FileLock(path))
    _held.append(lock)
    path.write_text(f"job {os.environ.get('SLURM_JOB_ID', os.getpid())} on {socket.gethostname()}")
    if _stopped(root, name):
        raise UserError("the run that submitted this job was stopped: nothing is made")

    def watch() -> None:
        while not _stopped(root, name):
            time.sleep(LOOK)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="end with run").start()


def _stopped(root: Path, name: str) -> bool:
    try:
        return (root / NAME).read_text() != name
    except FileNotFoundError:
        return True
    except OSError:  # a server that is away for a while says nothing
        return False


def _acquire(lock: FileLock) -> None:
    """Wait for a lock, which holds across hosts where the file system keeps `flock`."""
    try:
        lock.acquire(timeout=PATIENCE, poll_interval=LOOK / 4)
    except Timeout:
        holder = Path(lock.lock_file).read_text() or "another job"
        raise UserError(f"{holder} still writes what is to be made: `scancel` it first") from None
