"""Progress that reads well on a terminal, through a pipe and in a log."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
_BAR = "{desc} {percentage:3.0f}% · {n_fmt}/{total_fmt}{unit} · {rate_noinv_fmt} · {remaining} left{postfix}"


class _Lines:
    """Turns tqdm's rewritten line into lines of their own, for pipes and logs."""

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        if text:
            print(text, file=sys.stderr, flush=True)

    def flush(self) -> None:
        sys.stderr.flush()


def say(text: str) -> None:
    """Print one line to standard error, where progress and messages go; above a bar, where there is one."""
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


def track(iterable: Iterable[T] | None = None, *, total: int, label: str, unit: str = "images", done: int = 0) -> tqdm:
    """Iterate and show how far it is, the rate and the time left: a bar on a terminal, else a line every 10 seconds.

    Without an iterable it is to `update(n)` by hand, from `done` on.
    """
    terminal = sys.stderr.isatty()
    return tqdm(
        iterable,
        total=total,
        initial=done,
        desc=label,
        unit=f" {unit}",
        mininterval=0.2 if terminal else 10,
        maxinterval=10,
        file=sys.stderr if terminal else _Lines(),
        bar_format=_BAR,
    )
