"""What tests/training/test_hosts.py starts on each host: `python two_hosts.py WHAT FOLDER`."""

import os
import sys
import time
from functools import partial
from pathlib import Path

import torch

from contraflow.collectives import rank
from contraflow.foundations.errors import UserError
from contraflow.training.parallel import on_each


def learn(folder: Path, device) -> None:
    """Second steps of methods; what came of each goes to `folder`, a file a process."""
    from two_processes import steps

    torch.set_num_threads(1)
    cases = torch.load(folder / "cases.pt", weights_only=False)
    torch.save({name: steps(name, *of) for name, of in cases.items()}, folder / f"rank{rank()}.pt")
    wait(folder, device)


def wait(folder: Path, device) -> None:
    """The first waits for the other, in vain."""
    print("waits", os.getpid(), flush=True)
    if rank() == 0:
        torch.distributed.barrier()
    time.sleep(300)


if __name__ == "__main__":
    what, folder = sys.argv[1:]
    try:
        on_each([torch.device("cpu")], partial({"learn": learn, "wait": wait}[what], Path(folder)))
    except UserError as error:
        sys.exit(str(error))
