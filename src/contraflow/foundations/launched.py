"""Which one this process is of several that a launcher started to train together, as a rule one a host."""

import os
import re
from dataclasses import dataclass

from contraflow.foundations.errors import UserError

_PORTS = range(20000, 30000)  # below those that a system gives out by itself
# Of gpu[07-09,11],login: gpu, 07, and what may follow it up to the comma.
_FIRST = re.compile(r"([^\[,]+)(?:\[(\w+)[^\]]*\]([^\[,]*))?(?![^,])")


@dataclass(frozen=True)
class Launch:
    """One of `of` processes, numbered from 0; they meet at an address of the first, an IP or the name of its host."""

    number: int = 0
    of: int = 1
    address: str = ""
    port: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the one that writes files, or the only one."""
        return self.number == 0


def launch() -> Launch:
    """What torchrun (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) or else srun says; the only one where neither does.

    Raises:
        UserError: a variable is missing, or is no number, or it is not clear which host is the first.
    """
    said = os.environ
    try:
        if int(said.get("WORLD_SIZE", 1)) > 1:
            return Launch(int(said["RANK"]), int(said["WORLD_SIZE"]), said["MASTER_ADDR"], int(said["MASTER_PORT"]))
        if int(said.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
            address = said.get("MASTER_ADDR") or _first(said["SLURM_STEP_NODELIST"])
            step = int(said["SLURM_JOB_ID"]) * 7 + int(said["SLURM_STEP_ID"])  # seven trainings side by side in a job
            port = said.get("MASTER_PORT", _PORTS[step % len(_PORTS)])
            return Launch(int(said["SLURM_PROCID"]), int(said["SLURM_STEP_NUM_TASKS"]), address, int(port))
    except KeyError as error:
        raise UserError(f"{error.args[0]} is not set, though several processes were launched") from None
    except ValueError as error:
        raise UserError(f"WORLD_SIZE, RANK and MASTER_PORT must be whole numbers: {error}") from None
    return Launch()


def _first(hosts: str) -> str:
    """The first of Slurm's list of hosts."""
    if (found := _FIRST.match(hosts)) is None:
        raise UserError(
            f"MASTER_ADDR must name the first of the hosts, which SLURM_STEP_NODELIST, {hosts!r}, leaves open"
        )
    return "".join(filter(None, found.groups()))
