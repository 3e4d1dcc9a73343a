"""What a process takes of the machine, while it runs and in all."""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from contraflow.devices import ALLOCATED, cores

_PAUSE = 0.02  # seconds between two looks
_HELD = {"anonymous_mb": "RssAnon", "mapped_mb": "RssFile"}


def watched(command: Sequence[str]) -> tuple[str, dict[str, float]]:
    """What a command prints, and the most memory that its process had at a time, in MB.

    `anonymous_mb` is its own, `mapped_mb` pages of files, which the system may drop whenever others need the room. The
    process has all cores to itself, as a batch system gives them to a job.

    Raises:
        SystemExit: the command fails.
    """
    peaks = dict.fromkeys(_HELD, 0.0)
    environment = os.environ | {ALLOCATED: str(cores())}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            content = status.read_text(encoding="utf-8")
            for name, field in _HELD.items():
                if found := re.search(rf"{field}:\s+(\d+) kB", content):  # one that has ended has none
                    peaks[name] = max(peaks[name], int(found[1]) / 1024)
            time.sleep(_PAUSE)
        printed = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return printed, peaks


def written_mb() -> float:
    """MB that this process has written to files so far."""
    return int(re.search(r"wchar: (\d+)", Path("/proc/self/io").read_text(encoding="utf-8"))[1]) / 2**20


def processor_seconds() -> float:
    """Of all cores, by this process and by those of its own that have ended."""
    return sum(os.times()[:4])
