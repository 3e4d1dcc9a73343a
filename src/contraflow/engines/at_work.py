"""Who is at work: a record of each run of Snakemake and of each job, for whoever looks on (`contraflow watch`).

They lie in `.contraflow/running/`. No run and no job reads them, and none fails where they cannot be written.
"""

import json
import os
import platform
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from glob import escape, glob  # unlike pathlib's it takes a folder that goes away meanwhile for an empty one
from pathlib import Path

import psutil

from contraflow.foundations.artefacts import fingerprint, write_json
from contraflow.foundations.errors import UserError

FOLDER = "running"
SLACK = 1  # seconds by which clocks of processes and files may differ


@dataclass(frozen=True)
class Work:
    """A run or a job that has begun and not ended well: it works, or it was stopped.

    Attributes:
        folder: Where it runs: the repository, or DVC's copy of it for an experiment.
        experiment: DVC's name for what it works on; None where DVC runs no experiment.
        outputs: The files that a job makes, from the folder; none of a run.
        history: The history so far of the training that it is (.csv), written after each epoch; of other work there is
            no such file.
        log: Where what it says is kept, from the folder; None where nowhere.
        began: Seconds since 1970.
        host, pid: Its process.
    """

    folder: str
    experiment: str | None
    outputs: list[str]
    history: str | None
    log: str | None
    began: float
    host: str
    pid: int

    @property
    def there(self) -> bool | None:
        """Whether its process is; None where that is another machine's, which cannot be asked."""
        if self.host != platform.node():
            return None
        try:
            process = psutil.Process(self.pid)
            # one that started later has the number of one that ended
            return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= self.began + SLACK
        except psutil.NoSuchProcess:
            return False


def begin(
    store: Path, root: Path, *, outputs: Iterable[str] = (), history: Path | None = None, log: Path | None = None
) -> Path:
    """Record in the folder `store` what this process begins in the folder `root`.

    Returns:
        The record, to be removed when the work has ended well; work of the same outputs in the same place replaces it.
    """
    work = Work(
        folder=str(root.resolve()),
        experiment=os.environ.get("DVC_EXP_NAME"),
        outputs=sorted(outputs),
        history=None if history is None else str(history.resolve()),
        log=None if log is None else str(log),
        began=time.time(),
        host=platform.node(),
        pid=os.getpid(),
    )
    path = store / FOLDER / f"{fingerprint({'folder': work.folder, 'outputs': work.outputs}, ())}.json"
    with suppress(UserError, OSError):
        write_json(path, asdict(work))
    return path


def at_work(store: Path) -> tuple[list[Work], list[Path]]:
    """What is recorded in the folder `store`, the earliest first, and the records that cannot be read."""
    found, damaged = [], []
    for path in sorted(Path(path) for path in glob(f"{escape(str(store / FOLDER))}/*.json")):
        try:
            found.append(Work(**json.loads(path.read_text(encoding="utf-8"))))
        except FileNotFoundError:  # ended just now
            continue
        except (OSError, ValueError, TypeError):
            damaged.append(path)
    return sorted(found, key=lambda work: work.began), damaged
