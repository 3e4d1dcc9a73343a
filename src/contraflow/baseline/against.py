"""What the report's summary says of the run beside the baseline that is pinned."""

from dataclasses import dataclass, field

from contraflow.baseline.differences import measured_alike, parameters
from contraflow.baseline.measured import Measured
from contraflow.baseline.measures import SCORED, Change, change, measures
from contraflow.pages.numbers import MISSING, listing, times

MOST = 8  # parameters that are named


@dataclass
class Against:
    """A run against its baseline.

    Attributes:
        name: Of the baseline.
        remarks: Sentences: what differs in the parameters, and in how the figures were measured.
        accuracies: By key, those on the test images by labels, which have a table of their own.
        others: By name, all other figures.
    """

    name: str
    remarks: list[str]
    accuracies: dict[str, Change] = field(default_factory=dict)
    others: dict[str, Change] = field(default_factory=dict)


def against(run: Measured, baseline: Measured) -> Against:
    """Compare a run with its baseline; nothing is compared where the test images are not the same."""
    found = Against(baseline.name, [_parameters(run, baseline)])
    if run.test_images != baseline.test_images:
        found.remarks.insert(0, "It was measured on other test images, so no figure is compared.")
        return found
    if reasons := measured_alike(run, baseline):
        found.remarks.append(f"It was measured {listing(reasons)}: its accuracies are not of the same kind.")
    for measure in measures([run]):
        if gap := change(measure, run, baseline):
            if measure.split == "test" and measure.key not in SCORED:
                found.accuracies[measure.key] = gap
            else:
                found.others[f"{measure.name}, validation images" if measure.split else measure.name] = gap
    return found


def _parameters(run: Measured, baseline: Measured) -> str:
    """Which parameters differ, and how, in one sentence."""
    rows = parameters([baseline, run])
    if not rows:
        return "Every parameter is the same."
    clauses = []
    for row in rows[:MOST]:
        base, own = ("none" if cell["text"] == MISSING else cell["text"] for cell in row["cells"])
        clauses.append(f"{row['name']} {own} instead of {base}")
    if len(rows) > MOST:
        clauses.append(f"{len(rows) - MOST} more")
    return f"{times(len(rows), 'parameter differs', 'parameters differ')}: {listing(clauses)}."
