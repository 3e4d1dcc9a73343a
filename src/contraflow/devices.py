"""Where a job computes: the cores and GPUs that are really there; and how tensors come there."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import catch_warnings

from filelock import FileLock, Timeout

from contraflow.foundations.progress import say

if TYPE_CHECKING:
    import torch


_DRIVER = Path("/proc/driver/nvidia/gpus")
_DEVICES = Path("/dev")
_WSL = "dxg"  # its driver, which has a file for all cards
_NONE = ("", "-1", "NoDevFiles")  # where CUDA stops reading its list of devices
_PAUSE = 0.2  # seconds between two looks for a free card
ALLOCATED = "CONTRAFLOW_ALLOCATED"  # so many CPU cores a batch system gave to this job, and to no other


def allocated() -> int:
    """CPU cores that a batch system gave to this job alone; 0 where it shares the machine with other jobs."""
    return int(os.environ.get(ALLOCATED, 0))


def cores() -> int:
    """CPU cores that this process may use, at least 1."""
    return min(usable := len(os.sched_getaffinity(0)), allocated() or usable)


def side_by_side() -> int:
    """How many jobs that compute a lot run at a time: one a GPU, or on a CPU two, where it has more than one core.

    What a batch system gave is for one job, whose processes have a GPU each.
    """
    return len(gpus()) or (1 if allocated() else min(2, cores()))


def job_cores() -> int:
    """CPU cores that such a job computes with, at least 1: its share of them, also while it runs alone.

    The last bits of a training depend on their number, which must not depend on what else there is to do.
    """
    return max(1, cores() // side_by_side())


def gpus() -> list[str]:
    """Names of the NVIDIA cards that this process may use, found without importing torch or starting CUDA.

    A card has one name however CUDA_VISIBLE_DEVICES, which says where it is set what may be used, spells it: the UUID
    that the driver gives it. A number counts in the order of the bus, as nvidia-smi does, also where cards differ and
    CUDA on its own would put the fastest first. Names are left as they are spelled where the driver tells no UUIDs
    (under WSL, for one) and for the parts of a card that MIG makes; then one card spelled in two ways has two names.
    Where there is no driver there is no card, whatever the variable says; and none for the job of a batch system that
    has not set it: it gave none.
    """
    cards = _cards()
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is None:
        return [] if allocated() else cards
    if not cards and not (_DEVICES / _WSL).exists():
        return []
    spelled = takewhile(lambda name: name not in _NONE, map(str.strip, visible.split(",")))
    return list(dict.fromkeys(_name(card, cards) for card in spelled))


def _cards() -> list[str]:
    """UUIDs of the cards that may be opened, in the order of the bus; where there are none, the N of /dev/nvidiaN."""
    found = []
    for file in sorted(_DRIVER.glob("*/information")):
        told = dict(map(str.strip, line.split(":", 1)) for line in file.read_text().splitlines() if ":" in line)
        uuid, number = told.get("GPU UUID", "?"), told.get("Device Minor")
        # A batch system may hide cards from a job; the driver still lists them, and CUDA does not count them.
        if "?" not in uuid and os.access(_DEVICES / f"nvidia{number}", os.R_OK | os.W_OK):
            found.append(uuid)
    return found or sorted((path.name.removeprefix("nvidia") for path in _DEVICES.glob("nvidia[0-9]*")), key=int)


def _name(spelled: str, cards: list[str]) -> str:
    if spelled.isdecimal():
        return cards[int(spelled)] if int(spelled) < len(cards) else spelled
    matches = [card for card in cards if card.startswith(spelled)]  # CUDA takes the beginning of a UUID, too
    return matches[0] if len(matches) == 1 else spelled


def send(tensor: "torch.Tensor", device: "torch.device") -> "torch.Tensor":
    """A tensor on a device. To a GPU it goes through memory that the GPU reads on its own: the host does not wait."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def compute_exactly() -> None:
    """Compute on a GPU in ways that give the same bytes each time, where PyTorch has them, and float32 as float32."""
    import torch

    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # by default products are of 10 bits, as in TF32


@contextmanager
def lease(wanted: int = 1) -> Iterator[list["torch.device"]]:
    """Hold GPUs that no other contraflow job on this machine holds, or the CPU where there is no GPU.

    A card is held by an OS file lock, which the kernel releases when the process ends, however it ends. Locks lie in
    one directory for the whole machine (CONTRAFLOW_GPU_LOCKS changes it), because parallel DVC experiments run in
    different directories. Those that a batch system gave to this job alone need no lock. Call it before anything starts
    CUDA.

    Waits, and says so, until as many cards as `wanted` are free at once; meanwhile it holds none, so that two jobs
    never wait for each other. Where there are fewer than `wanted`, all of them will do, which it says as well, and the
    CPU where CUDA does not start on them.
    """
    import torch

    cards = gpus()
    if not cards:
        yield [torch.device("cpu")]
        return
    if wanted > len(cards):
        say(f"{wanted} GPUs were asked for and there are {len(cards)}: using what is there")
    with _hold(cards, min(wanted, len(cards))) as held:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(held)
        devices = [torch.device(f"cuda:{number}") for number in range(len(held))]
        if not _cuda_starts(len(held)):
            say("CUDA does not start here (`python -c 'import torch; torch.cuda.init()'` says why): using the CPU")
            devices = [torch.device("cpu")]
        compute_exactly()
        yield devices


def _cuda_starts(cards: int) -> bool:
    """Whether PyTorch, the driver and so many cards work together; where they don't, PyTorch warns at length."""
    import torch

    with catch_warnings(action="ignore"):
        if not torch.cuda.is_available() or torch.cuda.device_count() < cards:
            return False
        try:  # a card of a kind that this PyTorch has no code for is counted, too; several compute in other processes
            return cards > 1 or torch.ones(1, device="cuda").item() == 1
        except Exception:  # PyTorch raises errors of many kinds
            return False


@contextmanager
def _hold(cards: list[str], wanted: int) -> Iterator[list[str]]:
    if allocated():
        yield cards[:wanted]
        return
    folder = Path(os.environ.get("CONTRAFLOW_GPU_LOCKS", "/var/tmp/contraflow-gpu-locks"))
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Other users' jobs lock here too. Not sticky: there fs.protected_regular keeps one user from another's locks.
        folder.chmod(0o777)
    waiting = False
    while True:
        with ExitStack() as locks:
            free = (card for card in cards if _locked(folder / f"gpu{card}.lock", locks))
            held = list(islice(free, wanted))  # tries no card beyond those wanted
            if len(held) == wanted:
                yield held
                return
        if not waiting:
            say(f"waiting for {wanted} of {len(cards)} GPUs: other jobs hold them")
            waiting = True
        time.sleep(_PAUSE)


def _locked(path: Path, locks: ExitStack) -> bool:
    try:
        locks.enter_context(FileLock(path, mode=0o666).acquire(blocking=False))
    except Timeout:
        return False
    return True
