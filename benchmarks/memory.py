"""How much memory a process has held."""

import re
from pathlib import Path


def peak_mb() -> float:
    """The most physical memory of this process since it was started, in MB.

    `resource.getrusage` may tell that of the process which started it, if that is more.
    """
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
