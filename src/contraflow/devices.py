"""Where a job computes: the cores and GPUs that are really there."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    import torch


def cores() -> int:
    """CPU cores that this process may use, at least 1."""
    return len(os.sched_getaffinity(0))


def gpus() -> list[str]:
    """Names of the NVIDIA cards that this process may use, found without importing torch or starting CUDA.

    CUDA_VISIBLE_DEVICES, where it is set, says which; else every /dev/nvidiaN.
    """
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    return sorted((path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")), key=int)


@contextmanager
def lease() -> Iterator["torch.device"]:
    """Hold one GPU that no other contraflow job on this machine holds, or the CPU where there is no GPU.

    A card is held by an OS file lock, which the kernel releases when the process ends, however it ends. Locks lie in
    one directory for the whole machine (CONTRAFLOW_GPU_LOCKS changes it), because parallel DVC experiments run in
    different directories. Waits until a card is free. Call it before anything starts CUDA.
    """
    import torch

    cards = gpus()
    if not cards:
        yield torch.device("cpu")
        return
    with _hold_one(cards) as card:
        os.environ["CUDA_VISIBLE_DEVICES"] = card
        yield torch.device("cuda")


@contextmanager
def _hold_one(cards: list[str]) -> Iterator[str]:
    folder = Path(os.environ.get("CONTRAFLOW_GPU_LOCKS", "/var/tmp/contraflow-gpu-locks"))
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o1777)  # other users' jobs lock here too
    locks = {card: FileLock(folder / f"gpu{card}.lock", mode=0o666) for card in cards}
    while True:
        for card, lock in locks.items():
            try:
                with lock.acquire(blocking=False):
                    yield card
                    return
            except Timeout:
                continue
        time.sleep(1)
