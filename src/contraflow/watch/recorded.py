"""What trainings came to in the runs that DVC has recorded: the present commit's and its experiments'."""

import csv
import io
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from contraflow.engines.experiments import Experiments
from contraflow.foundations.errors import UserError
from contraflow.watch.curves import FIGURES

CURVES = "results/evaluate/curves.csv"
AGAIN = 30  # seconds between two questions to git


@dataclass(frozen=True)
class Outcome:
    """A recorded run.

    Attributes:
        name: As `contraflow compare` calls it.
        folder: Of the repository.
        seeds: How many trainings it has.
        figures: By name the mean over seeds in their last epochs; None where that is no number.
        collapsed: The seeds whose training collapsed.
        unread: Why there are no figures; empty where there are.
    """

    name: str
    folder: Path
    seeds: int = 0
    figures: dict[str, float | None] = field(default_factory=dict)
    collapsed: Sequence[str] = ()
    unread: str = ""


class Outcomes:
    """The recorded runs of some repositories, each kept up with by `keep_up`, in a thread of its own."""

    def __init__(self, folders: Iterable[Path]):
        self.found: list[Outcome] = []
        self._experiments = [Experiments(folder) for folder in dict.fromkeys(folders)]

    def keep_up(self) -> None:
        """Read them again and again, without end."""
        while True:
            self.read()
            time.sleep(AGAIN)

    def read(self) -> None:
        """Read them once, from git and DVC's cache."""
        self.found = [
            _outcome(experiments, name)
            for experiments in self._experiments
            for name in [*experiments.present_commit(), *experiments.of_present_commit()]
        ]


def _outcome(experiments: Experiments, name: str) -> Outcome:
    try:
        [run] = experiments.find([name])
        rows = list(csv.DictReader(io.StringIO(run.read(CURVES).decode("utf-8"))))
        last = {row["seed"]: row for row in rows}  # later rounds come later
        figures = {figure: _mean([row.get(figure) for row in last.values()]) for figure in FIGURES}
        collapsed = list(dict.fromkeys(row["seed"] for row in rows if row.get("collapse")))
    except (UserError, OSError) as error:
        return Outcome(name, experiments.root, unread=str(error))
    except (ValueError, KeyError):
        return Outcome(name, experiments.root, unread=f"{CURVES} of {name} is damaged, or of another version")
    return Outcome(name, experiments.root, len(last), figures, collapsed)


def _mean(cells: Sequence[str | None]) -> float | None:
    """Of the cells of a column; None where it was not measured in each."""
    values = [float(cell) if cell else math.nan for cell in cells]
    return fmean(values) if values and all(map(math.isfinite, values)) else None
