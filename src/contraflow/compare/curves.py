"""Training curves of several runs laid over each other: the mean over seeds as a line, their range as a band."""

from collections.abc import Sequence
from functools import partial

from markupsafe import Markup
from matplotlib.axes import Axes

from contraflow.compare.experiment import Experiment
from contraflow.pages.palette import colour
from contraflow.report.curves import DIAGNOSIS, draw_loss, draw_panels, set_scales

DASHES = ["", (4, 1.5), (1, 1)]  # change after every ten runs, as colours repeat


def loss_curves(experiments: Sequence[Experiment]) -> dict[str, Markup] | None:
    """The loss as `wide` and `narrow` SVG; None when no loss is a number."""
    if not _measured(experiments, "loss"):
        return None
    return draw_loss(partial(_draw, experiments), f"Training loss by epoch. {_ends(experiments, 'loss')}.")


def diagnosis_curves(experiments: Sequence[Experiment]) -> dict[str, Markup] | None:
    """What trainings measured of their embeddings as `wide` and `narrow` SVG, a panel a figure; None without any."""
    panels = [column for column in DIAGNOSIS if _measured(experiments, column)]
    if not panels:
        return None
    description = " ".join(f"{DIAGNOSIS[column]}: {_ends(experiments, column)}." for column in panels)
    return draw_panels(panels, partial(_draw, experiments), f"Diagnosis by epoch. {description}")


def _measured(experiments: Sequence[Experiment], column: str) -> list[Experiment]:
    """The runs that have any number in a column."""
    return [run for run in experiments if column in run.curves and run.curves[column].notna().any()]


def _ends(experiments: Sequence[Experiment], column: str) -> str:
    """The last mean over seeds of each run, in words."""
    return ", ".join(
        f"{run.name} ends at {run.curves.groupby('epoch')[column].mean().dropna().iloc[-1]:.3g}"
        for run in _measured(experiments, column)
    )


def _draw(experiments: Sequence[Experiment], axes: Axes, column: str) -> None:
    for run in _measured(experiments, column):
        number, by_epoch = experiments.index(run), run.curves.dropna(subset=column).groupby("epoch")[column]
        dashes = (0, DASHES[number // 10 % len(DASHES)]) if number >= 10 else "-"
        low, mean, high = by_epoch.min().where(by_epoch.count() > 1), by_epoch.mean(), by_epoch.max()
        axes.plot(mean, color=colour(number), linestyle=dashes, linewidth=1.8 if column == "loss" else 1.4)
        axes.fill_between(mean.index, low, high, color=colour(number), alpha=0.15, linewidth=0)
    set_scales(axes, column)
