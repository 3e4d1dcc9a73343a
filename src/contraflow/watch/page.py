"""The page and what of it changes, as HTML: what comes from a repository is escaped."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Template

from contraflow.pages.assets import template
from contraflow.pages.numbers import times
from contraflow.pages.palette import colour
from contraflow.watch.curves import panels
from contraflow.watch.recorded import Outcome
from contraflow.watch.seen import RUNNING, Seen

HERE = Path(__file__).parent
PARTS = ("state", "trainings", "curves", "jobs")  # of each experiment, beside those of the whole page
EVERY = 3  # seconds between two looks


@dataclass(frozen=True)
class Sight:
    """All that the page shows at a moment: experiments as they are now, and what recorded runs came to."""

    experiments: Sequence[Seen]
    recorded: Sequence[Outcome] = ()

    @property
    def running(self) -> int:
        """Trainings at work."""
        return sum(training.state == RUNNING for each in self.experiments for training in each.trainings)

    @property
    def collapsed(self) -> bool:
        return any(training.collapse for each in self.experiments for training in each.trainings)

    @property
    def title(self) -> str:
        """For the window: short, the alarm first."""
        return f"{'collapsed · ' if self.collapsed else ''}{times(self.running, 'training')} at work · contraflow watch"


def render(sight: Sight) -> bytes:
    """The whole page."""
    page = _template("page.html.j2").render(
        title=sight.title,
        titles=[(f"experiment-{number}", each.name) for number, each in enumerate(sight.experiments)],
        seen=sight.experiments,
        parts=_parts(sight),
        every=EVERY,
    )
    return page.encode()


def changing(sight: Sight) -> bytes:
    """What the open page asks for: JSON with its title and, by name, the parts that may have changed."""
    return json.dumps({"title": sight.title, "parts": _parts(sight)}, ensure_ascii=False).encode()


def tag(content: bytes) -> str:
    """The entity tag of an answer: another one where a byte differs."""
    return f'"{sha256(content).hexdigest()[:32]}"'


def _parts(sight: Sight) -> dict[str, str]:
    macros = _template("parts.html.j2").module
    found = {"alarms": macros.alarms(sight.experiments), "recorded": macros.recorded(sight.recorded)}
    for number, each in enumerate(sight.experiments):
        told = {"seen": each, "panels": panels(each.trainings), "colours": [*map(colour, range(len(each.trainings)))]}
        found |= {f"experiment-{number}-{name}": getattr(macros, name)(**told) for name in PARTS}
    return found


@cache
def _template(name: str) -> Template:
    return template(HERE / name)
