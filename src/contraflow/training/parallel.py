"""One training in several processes, one a device, of this machine or of several."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist

from contraflow.foundations.errors import UserError
from contraflow.foundations.launched import launch
from contraflow.training.meeting import NOTICED, Meeting, Other, meet

OnDevice = Callable[[torch.device], None]


class _Missed(RuntimeError):
    """Another process did not answer."""


def on_each(devices: Sequence[torch.device], work: OnDevice) -> None:
    """Call `work(device)` in this process for one device, for several in a new process each, and wait for all.

    Where a launcher started several processes (`contraflow.foundations.launched`), which call this at the same time,
    all their devices work together. The processes find each other through `contraflow.collectives`. They end together:
    with the first that fails, and with this one, however it ends. The first alone speaks, since the others would say
    the same.

    Args:
        devices: All CPUs, or all CUDA devices; each process that was launched gives as many.
        work: Can be pickled.

    Raises:
        UserError, OSError: what `work` raised; UserError also where a process was killed, or one that was launched
            failed, or does not answer.
        RuntimeError: it raised anything else, which is noted there.
    """
    launched = launch()
    if launched.of == len(devices) == 1:
        work(devices[0])
        return
    new = multiprocessing.get_context("spawn").Process
    with ExitStack() as kept:
        folder = Path(kept.enter_context(TemporaryDirectory(prefix="contraflow-")))
        meeting, others = kept.enter_context(meet(launched, devices)) if launched.of > 1 else (None, [])
        size, first = launched.of * len(devices), launched.number * len(devices)
        ranks = [
            new(
                target=_run_rank,
                args=(first + number, size, device, meeting, folder, work),
                name=f"rank {first + number}",
            )
            for number, device in enumerate(devices)
        ]
        try:
            for process in ranks:
                process.start()
            error = _await(ranks, others, folder)
        finally:
            for process in filter(BaseProcess.is_alive, ranks):
                process.kill()
                process.join()
        if error:
            for other in others:
                other.tell(error)
            raise error from None


def _await(ranks: Sequence[BaseProcess], others: Sequence[Other], folder: Path) -> Exception | None:
    """Wait until all have ended; the error of the first that failed, None where all ended well.

    Who misses another is seldom the reason: that one's end is waited for, as long as it takes to notice.
    """
    at_work = {rank.sentinel: rank for rank in ranks}
    running = at_work | {other.line: other for other in others}
    missed, until = None, None
    while running:
        ended = [running.pop(key) for key in wait(list(running), until and max(0, until - time.monotonic()))]
        if not ended:
            break
        for each in ended:
            error = each.error() if isinstance(each, Other) else _error(each, folder)
            if isinstance(error, _Missed):
                missed, until = missed or error, until or time.monotonic() + NOTICED + 1
            elif error:
                return error
        if not missed and not at_work.keys() & running.keys():
            for other in others:
                other.tell(None)
    return missed


def _error(rank: BaseProcess, folder: Path) -> Exception | None:
    rank.join()
    if (told := folder / rank.name).exists():
        return pickle.loads(told.read_bytes())
    if rank.exitcode == -signal.SIGABRT:  # as NCCL ends who misses another
        return _Missed(f"{rank.name} of the training failed")
    if rank.exitcode < 0:
        return UserError(
            f"{rank.name} of the training was ended by {signal.Signals(-rank.exitcode).name}, as happens where "
            "memory runs out: run the same command again, and it goes on after its last whole epoch"
        )
    return RuntimeError(f"{rank.name} of the training failed") if rank.exitcode else None


def _run_rank(
    number: int, size: int, device: torch.device, meeting: Meeting | None, folder: Path, work: OnDevice
) -> None:
    """What the process of a rank does. Where it fails it ends without ceremony: the others may not answer any more."""
    threading.Thread(target=_end_with_parent, daemon=True, name="end with parent").start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches all of a terminal's processes; the parent answers
    if number > 0:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (open until the process ends)
    try:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        # on one machine it needs no network, nor a host name that means something
        os.environ.setdefault("GLOO_SOCKET_IFNAME", meeting.interface if meeting else "lo")
        backend = "nccl" if device.type == "cuda" else "gloo"
        store = meeting.store if meeting else dist.FileStore(str(folder / "store"), size)
        dist.init_process_group(backend, store=store, rank=number, world_size=size)
        work(device)
        dist.destroy_process_group()
    except Exception as error:
        _tell(error, folder / multiprocessing.current_process().name)
        os._exit(1)


def _tell(error: Exception, file: Path) -> None:
    """Leave to the parent what a rank ended by: itself where a user can mend it, else with a note of where it arose."""
    if not isinstance(error, UserError | OSError):
        passed = traceback.extract_tb(error.__traceback__)
        of_messages = any(Path(frame.filename).is_relative_to(Path(dist.__file__).parent) for frame in passed)
        note = "".join(traceback.format_exception(error))
        error = (_Missed if of_messages else RuntimeError)(f"{file.name} of the training failed")
        error.add_note(note)
    file.write_bytes(pickle.dumps(error))


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGKILL)
