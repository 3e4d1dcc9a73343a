"""One training in several processes of this machine, one a device."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist

from contraflow.foundations.errors import UserError

OnDevice = Callable[[torch.device], None]


def on_each(devices: Sequence[torch.device], work: OnDevice) -> None:
    """Call `work(device)` in this process for one device, for several in a new process each, and wait for all.

    The processes find each other through `contraflow.collectives`. They end together: with the first that fails, and
    with this one, however it ends. The first alone speaks, since the others would say the same.

    Args:
        devices: All CPUs, or all CUDA devices.
        work: Can be pickled.

    Raises:
        UserError, OSError: what `work` raised; UserError also where a process was killed.
        RuntimeError: it raised anything else, which is on standard error.
    """
    if len(devices) == 1:
        work(devices[0])
        return
    new = multiprocessing.get_context("spawn").Process
    with TemporaryDirectory(prefix="contraflow-") as folder:
        ranks = [
            new(target=_run_rank, args=(number, devices, Path(folder), work), name=f"rank {number}")
            for number in range(len(devices))
        ]
        try:
            for process in ranks:
                process.start()
            failed = _first_to_fail(ranks)
        finally:
            for process in filter(BaseProcess.is_alive, ranks):
                process.kill()
                process.join()
        if failed:
            raise _reason(failed, Path(folder)) from None


def _first_to_fail(ranks: Sequence[BaseProcess]) -> BaseProcess | None:
    running = {process.sentinel: process for process in ranks}
    while running:
        ended = [running.pop(sentinel) for sentinel in wait(list(running))]
        for process in ended:
            process.join()
        if failed := [process for process in ended if process.exitcode]:
            return min(failed, key=lambda process: process.exitcode)  # one that was killed before those that miss it
    return None


def _reason(failed: BaseProcess, folder: Path) -> Exception:
    if (told := folder / failed.name).exists():
        return pickle.loads(told.read_bytes())
    if failed.exitcode < 0:
        return UserError(
            f"{failed.name} of the training was ended by {signal.Signals(-failed.exitcode).name}, as happens where "
            "memory runs out: run the same command again, and it goes on after its last whole epoch"
        )
    return RuntimeError(f"{failed.name} of the training failed")


def _run_rank(number: int, devices: Sequence[torch.device], folder: Path, work: OnDevice) -> None:
    """What the process of a rank does. Where it fails it ends without ceremony: the others may not answer any more."""
    threading.Thread(target=_end_with_parent, daemon=True, name="end with parent").start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches all of a terminal's processes; the parent answers
    device, stderr = devices[number], sys.stderr
    if number > 0:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (open until the process ends)
    try:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # needs no network, nor a host name that means something
        backend = "nccl" if device.type == "cuda" else "gloo"
        store = dist.FileStore(str(folder / "store"), len(devices))
        dist.init_process_group(backend, store=store, rank=number, world_size=len(devices))
        work(device)
        dist.destroy_process_group()
    except (UserError, OSError) as error:
        (folder / multiprocessing.current_process().name).write_bytes(pickle.dumps(error))
        os._exit(1)
    except Exception:
        traceback.print_exc(file=stderr)
        os._exit(1)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGKILL)
