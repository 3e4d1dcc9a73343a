"""Seconds from an imported package to the first batch of views, in a process of its own: `first_batch.py FILE`."""

import sys
import time
from pathlib import Path

from benchmarks.loader.recipe import SIMCLR
from contraflow.devices import cores
from contraflow.views.loader import ViewLoader

if __name__ == "__main__":
    began = time.perf_counter()
    loader = ViewLoader(
        Path(sys.argv[1]), [SIMCLR, SIMCLR], seed=0, batch_size=256, threads=cores(), mean=[0.5], std=[0.25]
    )
    next(loader.epoch(0))
    print(time.perf_counter() - began)
