"""What came out, as Markdown: a table for each data set, and which differences are beyond noise."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.cells import less, plus_minus
from benchmarks.methods.sizes import Budget
from contraflow.statistics import Difference, difference, spread

REFERENCE = "simclr"
ACCURACIES = {"linear": "linear probe", "knn20": "20-NN", "knn200": "200-NN"}
JUDGED = ("linear", "knn20")
GEOMETRY = ("alignment", "uniformity")


@dataclass
class Found:
    """What was found of a method on a data set.

    Attributes:
        method: Its name.
        rows: Of its trainings, by seed.
        tuned: The parameter and the value that was chosen, in words; empty for random weights.
        at_edge: Whether that is the least or the greatest of those tried.
        differences: From the reference in the accuracies that are judged, by name; none of the reference itself.
    """

    method: str
    rows: dict[int, dict]
    tuned: str = ""
    at_edge: bool = False
    differences: dict[str, Difference] = field(default_factory=dict)

    def by_seed(self, figure: str) -> dict[int, float]:
        return {seed: row[figure] for seed, row in self.rows.items()}

    def spread(self, figure: str) -> dict:
        return spread(list(self.by_seed(figure).values()))

    @property
    def collapsed(self) -> bool:
        return any(row.get("collapsed") is True for row in self.rows.values())


def judge(found: Sequence[Found]) -> None:
    """Note how all others differ from the reference; the intervals of an accuracy hold all at once."""
    (reference,) = (one for one in found if one.method == REFERENCE)
    others = [one for one in found if one is not reference]
    for other in others:
        for figure in JUDGED:
            other.differences[figure] = difference(
                other.by_seed(figure), reference.by_seed(figure), comparisons=len(others)
            )


def beyond_noise(found: Sequence[Found]) -> dict[str, dict[str, list[str]]]:
    """For each accuracy that is judged, who is above the reference and who is below it, beyond noise."""
    return {
        figure: {
            words: [one.method for one in found if one.differences and one.differences[figure].sign == sign]
            for words, sign in (("above", 1), ("below", -1))
        }
        for figure in JUDGED
    }


def section(budget: Budget, found: Sequence[Found]) -> str:
    """The methods on a data set, from first to last by the linear probe, accuracies in per cent."""
    amount = f"{budget.images:,} images of {budget.pictures.words}" if budget.images else budget.pictures.words
    seeds = ", ".join(map(str, found[0].rows))
    lines = [
        f"## {amount[0].upper()}{amount[1:]}",
        "",
        f"{budget.final} epochs, mean ± standard deviation over seeds {seeds}, on the test images.",
        "",
        *_said(found),
        "",
        "| method | tuned | linear | less "
        + f"{REFERENCE} | 20-NN | less {REFERENCE} | 200-NN | alignment | uniformity | seconds a training |",
        "|" + " --- |" * 10,
    ]
    lines += [_line(one) for one in sorted(found, key=lambda one: -one.spread("linear")["mean"])]
    return "\n".join(lines) + "\n"


def _said(found: Sequence[Found]) -> list[str]:
    """Which differences are beyond noise, a sentence for each accuracy; and what is still at the edge of its grid."""
    said = []
    for figure, who in beyond_noise(found).items():
        parts = [f"{words} {REFERENCE}: {', '.join(methods)}" for words, methods in who.items() if methods]
        said.append(f"- {ACCURACIES[figure]}, beyond noise: {'; '.join(parts) or 'none'}.")
    edges = [one.method for one in found if one.at_edge]
    return said + ([f"- Best at the edge of what was tried: {', '.join(edges)}."] if edges else [])


def _line(one: Found) -> str:
    accuracies = {figure: plus_minus(one.spread(figure), 100, 2) for figure in ACCURACIES}
    cells = [one.method + (" (collapsed)" if one.collapsed else ""), one.tuned]
    for figure in JUDGED:
        cells += [accuracies[figure], less(one.differences.get(figure))]
    cells.append(accuracies["knn200"])
    cells += [plus_minus(one.spread(figure), 1, 3) for figure in GEOMETRY]
    seconds = [row["seconds"] for row in one.rows.values() if "seconds" in row]
    cells.append(f"{spread(seconds)['mean']:.0f}" if one.tuned else "")
    return "| " + " | ".join(cells) + " |"


def document(sections: Sequence[str], commits: str) -> str:
    """The whole file."""
    words = (
        "# Every method, tuned alike\n\n"
        f"Trained by commit {commits}. How: `benchmarks/methods/__main__.py`; every training: `runs.csv`. "
        f"“less {REFERENCE}” is the difference in points with Student's interval for pairs of seeds, wide enough that "
        "all of a column hold at once with probability 0.95; in bold where it does not reach 0: beyond noise.\n\n"
    )
    return words + "\n".join(sections)
