"""How the processes of one training on several hosts find each other, and hear of each other's end.

They meet at a store (`torch.distributed.TCPStore`) of the first, or of the torchrun that started it. Then each holds a
connection to the first, on which nothing is said but how it ended. The kernel watches it: it is closed with a process
however that ends, and broken off where a host or the network between two no longer answers.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import psutil
import torch
import torch.distributed as dist

from contraflow.foundations.errors import UserError
from contraflow.foundations.launched import Launch
from contraflow.foundations.progress import say

COMING = 300  # seconds in which all must come
ANSWER = 5  # seconds in which who calls says that it belongs here
SILENCE, PROBES = 2, 4  # seconds without a word until the kernel asks, and between two questions; how often in vain
NOTICED = SILENCE * (1 + PROBES)  # seconds until a host that does not answer is given up
_WELL = "well"


@dataclass(frozen=True)
class Meeting:
    """What the ranks of this process need to find those of the others; can be pickled.

    Attributes:
        launched: Which process this is.
        interface: The network by which the others are reached.
    """

    launched: Launch
    interface: str

    @property
    def store(self) -> dist.Store:
        """A new connection to where all meet."""
        return _store(self.launched, serves=False)


class Other:
    """Another process of this training, at the other end of a connection."""

    def __init__(self, line: socket.socket):
        self.line, self.address = line, line.getpeername()[0]
        line.settimeout(None)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        watch = {"TCP_KEEPIDLE": SILENCE, "TCP_KEEPINTVL": SILENCE, "TCP_KEEPCNT": PROBES}
        for option, value in (watch | {"TCP_USER_TIMEOUT": 1000 * NOTICED}).items():
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

    def tell(self, error: Exception | None) -> None:
        """Say how this process ended; None for well."""
        with suppress(OSError):
            self.line.sendall((_WELL if error is None else str(error)).encode())
            self.line.shutdown(socket.SHUT_WR)

    def error(self) -> UserError | None:
        """How the other ended, as soon as there is something to read; None for well."""
        try:
            with self.line.makefile("r", encoding="utf-8") as file:
                said = file.read()
        except OSError:
            said = ""
        if not said:
            return UserError(
                f"{self.address}, which trains along, was lost: run the same command again, and it goes on after its "
                "last whole epoch"
            )
        return None if said == _WELL else UserError(f"{self.address}, which trains along, failed: {said}")


@contextmanager
def meet(launched: Launch, devices: Sequence[torch.device]) -> Iterator[tuple[Meeting, list[Other]]]:
    """Meet the other processes that were launched: the first has a connection to each, the others one to the first.

    Args:
        devices: Those of this process; the others must have as many of the same type.

    Raises:
        UserError: they have others, or do not come.
    """
    with ExitStack() as kept:
        try:
            store = _store(launched, serves=launched.first and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True")
            _compare(store, launched, f"{len(devices)} {devices[0].type}")
            others = [
                Other(kept.enter_context(line)) for line in (_called if launched.first else _call)(store, launched)
            ]
        except (dist.DistError, OSError) as error:
            raise UserError(
                f"the {launched.of} processes of this training did not meet at {launched.address}:{launched.port} "
                f"within {COMING} seconds; does something else listen there? ({str(error).splitlines()[0]})"
            ) from None
        if launched.first:
            say(f"one training in {launched.of} processes, with {len(devices)} {devices[0].type} each")
        yield Meeting(launched, _interface(others[0].line.getsockname()[0])), others


def _store(launched: Launch, *, serves: bool) -> dist.Store:
    waits = timedelta(seconds=COMING)
    store = dist.TCPStore(launched.address, launched.port, is_master=serves, timeout=waits, wait_for_workers=False)
    # torchrun's outlives what it starts again
    return dist.PrefixStore(f"contraflow{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)


def _compare(store: dist.Store, launched: Launch, devices: str) -> None:
    store.set(f"devices{launched.number}", devices)
    for number in range(launched.of):
        if (there := store.get(f"devices{number}").decode()) != devices:
            raise UserError(
                "the processes of one training must have as many devices each: this one, number "
                f"{launched.number}, has {devices}, and number {number} has {there}"
            )


def _called(store: dist.Store, launched: Launch) -> list[socket.socket]:
    """Connections from all others; who else calls does not know the word."""
    found, word = [], uuid4().hex
    with socket.create_server(("", 0), backlog=launched.of) as ear:
        ear.settimeout(COMING)
        store.set("call", f"{ear.getsockname()[1]} {word}")
        while len(found) < launched.of - 1:
            line, _ = ear.accept()
            line.settimeout(ANSWER)
            with suppress(OSError):
                said = b""
                while len(said) < len(word) and (more := line.recv(len(word) - len(said))):
                    said += more
                if said == word.encode():
                    found.append(line)
                    continue
            line.close()
    return found


def _call(store: dist.Store, launched: Launch) -> list[socket.socket]:
    port, word = store.get("call").decode().split()
    line = socket.create_connection((launched.address, int(port)), COMING)
    line.sendall(word.encode())
    return [line]


def _interface(address: str) -> str:
    """The network that has this address of this host."""
    found = psutil.net_if_addrs().items()
    return next((name for name, has in found if any(each.address == address for each in has)), "lo")
