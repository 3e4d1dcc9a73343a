"""The page and what of it changes, as HTML: what comes from a repository is escaped."""

import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Template

from contraflow.pages.assets import template
from contraflow.pages.numbers import times
from contraflow.pages.palette import colour
from contraflow.watch.curves import panels
from contraflow.watch.seen import Seen

HERE = Path(__file__).parent
PARTS = ("state", "trainings", "curves", "jobs")  # of each experiment, beside those of the whole page
EVERY = 3  # seconds between two looks


def render(seen: Sequence[Seen]) -> bytes:
    """The whole page."""
    page = _template("page.html.j2").render(
        title=_title(seen),
        titles=[(f"experiment-{number}", each.name) for number, each in enumerate(seen)],
        seen=seen,
        parts=_parts(seen),
        every=EVERY,
    )
    return page.encode()


def changing(seen: Sequence[Seen]) -> bytes:
    """What the open page asks for: JSON with its title and, by name, the parts that may have changed."""
    return json.dumps({"title": _title(seen), "parts": _parts(seen)}, ensure_ascii=False).encode()


def tag(content: bytes) -> str:
    """The entity tag of an answer: another one where a byte differs."""
    return f'"{sha256(content).hexdigest()[:32]}"'


def _title(seen: Sequence[Seen]) -> str:
    running = sum(training.state == "running" for each in seen for training in each.trainings)
    alarm = "collapsed · " if any(training.collapse for each in seen for training in each.trainings) else ""
    return f"{alarm}{times(running, 'training')} at work · contraflow watch"


def _parts(seen: Sequence[Seen]) -> dict[str, str]:
    macros = _template("parts.html.j2").module
    found = {"alarms": macros.alarms(seen)}
    for number, each in enumerate(seen):
        told = {"seen": each, "panels": panels(each.trainings), "colours": [*map(colour, range(len(each.trainings)))]}
        found |= {f"experiment-{number}-{name}": getattr(macros, name)(**told) for name in PARTS}
    return found


@cache
def _template(name: str) -> Template:
    return template(HERE / name)
