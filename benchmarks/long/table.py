"""What came out, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.long.measuring import ACCURACIES, PIXELS
from benchmarks.long.sizes import SEED
from benchmarks.pictures import Pictures

Found = Mapping[str, Sequence[dict]]
"""Rows of each side, from first to last."""


def images_per_processor_s(row: Mapping) -> float:
    """Images, in two views each, that a core learned from in a second."""
    return row["images"] / (3600 * row["processor_hours"])


def document(pictures: Pictures, found: Found, pixels: Mapping, about: str) -> str:
    """The whole file: accuracies in per cent; `about` says how it was trained."""
    words = ACCURACIES.values()
    ends = [(side, rows[-1]) for side, rows in found.items()]
    parts = [
        f"# Hours of training on {pictures.words}",
        f"{about} SimCLR with seed {SEED}, which proves nothing of another. Hours are those of the processor, which "
        "other work on the machine hardly changes, and of the wall, which it does. How: `benchmarks/long/__main__.py`; "
        "every encoder: `curve.csv`.",
        "![Accuracy over hours](curve.svg)",
        "After the last epoch, on the test images:",
        _table(
            ["", "epochs", "processor hours", "hours", "images a processor second", *words],
            [
                *(
                    [side, *_spent(row), f"{images_per_processor_s(row):,.0f}", *_cells(row, "test_")]
                    for side, row in ends
                ),
                [PIXELS, "", "", "", "", *_cells(pixels, "test_")],
            ],
        ),
        "On the way, on the validation images:",
        _table(
            ["", "epochs", "processor hours", "hours", *words],
            [
                *([side, *_spent(row), *_cells(row)] for side, rows in found.items() for row in rows),
                [PIXELS, "", "", "", *_cells(pixels)],
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _spent(row: Mapping) -> list[str]:
    return [str(row["epoch"]), f"{row['processor_hours']:.3f}", f"{row['hours']:.3f}"]


def _cells(row: Mapping, of: str = "") -> list[str]:
    return [f"{100 * row[of + name]:.2f}" for name in ACCURACIES]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, ["---"] * len(heads), *rows])
