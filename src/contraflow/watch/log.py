"""What a job says in its log: its last words, and how far it is."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TAIL = 20_000  # bytes, of the longest log the last ones
# A line of `contraflow.foundations.progress`, which a training follows with its epoch and the mean loss there.
_LINE = re.compile(r".*?\s(\d+)% · (\d+)/(\d+) (\S+) · +([\d.]+|inf|\?) \S+ · ([\d:]+|\?) left(?:, (.*))?")
_EPOCH = re.compile(r"epoch (\d+) of (\d+) · loss (\S+)")


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        done: Of what it does just now, 0 to 1.
        unit: What it counts, such as images.
        rate: How many of them a second; None where that is not known yet.
        left: How long it still takes, as hours:minutes:seconds; None where that is not known yet.
        epoch, epochs, loss: Of a training, in which epoch it is, how many it is to have, the mean loss in that epoch so
            far; None of other jobs.
    """

    done: float
    unit: str
    rate: float | None
    left: str | None
    epoch: int | None = None
    epochs: int | None = None
    loss: float | None = None

    @classmethod
    def of(cls, line: str) -> Self | None:
        """What a line of a log says; None where it is not of that kind."""
        if not (found := _LINE.fullmatch(line)):
            return None
        _, done, total, unit, rate, left, more = found.groups()
        known = {
            "done": int(done) / max(1, int(total)),
            "unit": unit,
            "rate": None if rate == "?" else float(rate),
            "left": None if left == "?" else left,
        }
        if epoch := _EPOCH.fullmatch(more or ""):
            known |= {"epoch": int(epoch[1]), "epochs": int(epoch[2]), "loss": float(epoch[3])}
        return cls(**known)


def last_lines(path: Path) -> list[str]:
    """The last lines of a log, the newest last; a line that is still being written is left out."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    whole, end, _ = text.rpartition("\n")
    return [line for line in whole.splitlines() if line.strip()] if end else []
