"""What came out, as Markdown."""

from collections.abc import Mapping

from benchmarks.cells import less, plus_minus
from contraflow.evaluation.hits import Hits
from contraflow.statistics import Difference, difference, spread

REFERENCE = "image"
FIGURES = {"recall@1": "recall@1", "r_precision": "R-precision", "map@r": "MAP@R"}

Found = Mapping[str, Mapping[int, dict]]
"""Rows by arm and seed."""


def judge(found: Found) -> dict[str, dict[str, Difference]]:
    """How the others differ from the reference in each figure; the intervals of a figure hold all at once."""
    others = [arm for arm in found if arm != REFERENCE]
    return {
        arm: {
            figure: difference(_by_seed(found[arm], figure), _by_seed(found[REFERENCE], figure), len(others))
            for figure in FIGURES
        }
        for arm in others
    }


def _by_seed(rows: Mapping[int, dict], figure: str) -> dict:
    """A figure by seed; of the recall, whether each query found its scene."""
    if figure == "recall@1":
        return {seed: Hits(images=row["queries"], draws=1, bits=row["found"]).scores() for seed, row in rows.items()}
    return {seed: row[figure] for seed, row in rows.items()}


def document(found: Found, judged: dict, *, epochs: int, words: str, commits: str) -> str:
    """The whole file: figures in per cent, differences in points."""
    reference = found[REFERENCE]
    queries = next(iter(reference.values()))["queries"]
    lines = [
        "# Order as what makes a positive",
        "",
        f"{words[0].upper()}{words[1:]}, {epochs} epochs, mean ± standard deviation over {len(reference)} seeds, "
        f"{queries} queries. Trained by commit {commits}. How: `benchmarks/film/__main__.py`; every training: "
        f"`runs.csv`. “less {REFERENCE}” is the difference in points with its 95 % interval, wide enough that all of a "
        "column hold at once; in bold where it does not reach 0: beyond noise.",
        "",
        "| positives | " + " | ".join(f"{name} | less {REFERENCE}" for name in FIGURES.values()) + " |",
        "|" + " --- |" * (2 * len(FIGURES) + 1),
    ]
    lines += [_line(arm, rows, judged.get(arm, {})) for arm, rows in found.items()]
    return "\n".join(lines) + "\n"


def _line(arm: str, rows: Mapping[int, dict], differences: Mapping[str, Difference]) -> str:
    cells = [arm]
    for figure in FIGURES:
        over_seeds = spread([row[figure] for row in rows.values()])
        cells += [plus_minus(over_seeds, 100, 2), less(differences.get(figure))]
    return "| " + " | ".join(cells) + " |"
