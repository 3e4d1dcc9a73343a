"""The history of a training: one row an epoch, and whether it has come far enough or has collapsed."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from contraflow.foundations.artefacts import atomic, reading
from contraflow.training.settings import Train

# From trainings of four epochs on 2,000 images of Fashion-MNIST with 128 dimensions: those made to collapse, as in
# tests/training/test_collapse.py, were at a spread of 0.07 to 0.17 after the second epoch, and no healthy method went
# below 0.4 or below a rank of 10.
LEAST_SPREAD = 0.25
LEAST_RANK = 2.0
POINT = 0.1  # of spread; embeddings within it lie in one point whatever they were before
KNN_GAIN = 0.05  # of accuracy: with a gain above, the encoder learns, whatever its embeddings look like


@dataclass(frozen=True)
class Epoch:
    """One row.

    Attributes:
        epoch: From 1, counted on through the rounds of a run.
        loss: Mean over the epoch's batches.
        lr: Learning rate of the last batch.
        alignment, uniformity, positive, hardest, rank, spread: As in `contraflow.training.diagnosis.diagnose`.
        gradient_norm: Length of the whole gradient, mean over batches.
        knn: Accuracy (0 to 1) of k-NN on the validation images; None where it was not measured.
        meets: How many of its mined negatives an image shared its batch with, mean over images; None where batches are
            not composed of them.
        meets_none: Share of the images that shared it with none; None likewise.
        collapse: What shows that the training has collapsed, in words; None where nothing does.
    """

    epoch: int
    loss: float
    lr: float
    alignment: float
    uniformity: float
    positive: float
    hardest: float
    rank: float
    spread: float
    gradient_norm: float
    knn: float | None
    meets: float | None = None
    meets_none: float | None = None
    collapse: str | None = None

    def words(self) -> str:
        """The row as a line of a log."""
        knn = "" if self.knn is None else f" · k-NN {self.knn:.1%}"
        met = "" if self.meets is None else f" · meets {self.meets:.2f} of its negatives, {self.meets_none:.0%} none"
        alarm = "" if self.collapse is None else f" · COLLAPSED: {self.collapse}"
        return (
            f"epoch {self.epoch} · loss {self.loss:.4f} · alignment {self.alignment:.3f} · "
            f"uniformity {self.uniformity:.2f} · rank {self.rank:.1f} · spread {self.spread:.2f}{knn}{met}{alarm}"
        )


COLUMNS = [field.name for field in fields(Epoch)]


def ends_early(history: Sequence[Epoch], settings: Train) -> bool:
    """Whether what `stop_on` names has not improved for `patience` measurements: uniformity falls, k-NN rises."""
    if settings.stop_on == "never":
        return False
    values = [getattr(row, settings.stop_on) for row in history]
    better = [-value if settings.stop_on == "uniformity" else value for value in values if value is not None]
    return len(better) > settings.patience and max(better[-settings.patience :]) <= max(better[: -settings.patience])


def collapse(history: Sequence[Epoch]) -> str | None:
    """What shows that a training has collapsed by its last epoch, in words; None where nothing does.

    Embeddings then fall into one point or onto a line, which some losses reward; docs/measuring.md has the rule.
    """
    last, before = history[-1], history[:-1]
    accuracies = [row.knn for row in history if row.knn is not None]
    if accuracies and accuracies[-1] - accuracies[0] > KNN_GAIN:
        return None
    if last.spread < POINT:
        return f"the spread is {last.spread:.3f}, that of a single point, and the rank {last.rank:.1f}"
    if not before or last.loss >= before[0].loss:
        return None
    for name, least in (("spread", LEAST_SPREAD), ("rank", LEAST_RANK)):
        most, now = max(getattr(row, name) for row in before), getattr(last, name)
        if now < least and now < most:
            return f"the loss fell from {before[0].loss:.3g} to {last.loss:.3g} and {name} from {most:.2f} to {now:.2f}"
    return None


def save_history(path: Path, history: Sequence[Epoch], seed: int, number: int) -> None:
    """Write the rows as a table (.csv), with the columns `seed` and `round` before them."""
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["seed", "round", *COLUMNS])
        for row in history:
            cells = asdict(row).values()
            table.writerow([seed, number, *(f"{cell:.6g}" if isinstance(cell, float) else cell for cell in cells)])


def so_far(state: Path) -> Path:
    """Where an unfinished training, whose state is kept in the file `state`, has its history up to there."""
    return state.with_name(f"{state.name}.csv")


def read_history(path: Path) -> list[Epoch]:
    """The rows that `save_history` wrote; errors as for `reading`."""
    with reading(path), open(path, newline="", encoding="utf-8") as file:
        return [Epoch(**{name: _value(name, row[name]) for name in COLUMNS}) for row in csv.DictReader(file)]


def _value(name: str, cell: str | None) -> int | float | str | None:
    if cell is None:
        raise ValueError("a row is cut short")
    if name == "epoch":
        return int(cell)
    return (cell or None) if name == "collapse" else (float(cell) if cell else None)
