"""Training curves by epoch, a line a seed, and where rounds begin."""

from collections.abc import Callable
from functools import partial

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from contraflow.pages.palette import colour
from contraflow.pages.svg import FAINT, INK, in_both_widths

LOSS_HEIGHTS = {"wide": 3.3, "narrow": 3.0}
COLUMNS = {"wide": 4, "narrow": 2}  # of panels
PANEL_HEIGHT = 1.55
DIAGNOSIS = {
    "knn": "k-NN, validation",
    "alignment": "alignment",
    "uniformity": "uniformity",
    "positive": "cosine to positive",
    "hardest": "cosine to hardest negative",
    "rank": "effective rank",
    "spread": "spread",
    "gradient_norm": "gradient norm",
}
DrawColumn = Callable[[Axes, str], None]  # puts the lines of a column into the axes


def loss_curves(curves: pd.DataFrame) -> dict | None:
    """The loss as `wide` and `narrow` SVG and a `legend`; None when no loss is a number.

    Args:
        curves: Columns seed, round, epoch (counted on through the rounds), loss.
    """
    if curves.loss.notna().sum() == 0:
        return None
    last = curves.groupby("seed").loss.last().dropna()
    ends = ", ".join(f"seed {seed} ends at {loss:.3f}" for seed, loss in last.items())
    legend = [{"name": f"seed {seed}", "colour": colour(i)} for i, seed in enumerate(sorted(curves.seed.unique()))]
    return draw_loss(partial(_draw, curves), f"Training loss by epoch: {ends}.") | {"legend": legend}


def draw_loss(draw: DrawColumn, description: str) -> dict[str, Markup]:
    """The loss as `wide` and `narrow` SVG."""

    def fill(figure: Figure, size: str) -> None:
        figure.set_figheight(LOSS_HEIGHTS[size])
        axes = figure.add_subplot()
        draw(axes, "loss")
        axes.set(xlabel="epoch", ylabel="loss")

    return in_both_widths("loss", description, fill)


def diagnosis_curves(curves: pd.DataFrame) -> dict[str, Markup] | None:
    """What the training measured of its embeddings as `wide` and `narrow` SVG, a panel a figure; None without any.

    Args:
        curves: Columns seed, round, epoch and those of `DIAGNOSIS` that were measured.
    """
    panels = [column for column in DIAGNOSIS if column in curves and curves[column].notna().any()]
    if not panels:
        return None
    means = curves[curves.epoch == curves.epoch.max()][panels].mean()
    ends = ", ".join(f"{DIAGNOSIS[column]} {means[column]:.3g}" for column in panels)
    return draw_panels(panels, partial(_draw, curves), f"Diagnosis by epoch. Means over seeds at the end: {ends}.")


def draw_panels(panels: list[str], draw: DrawColumn, description: str) -> dict[str, Markup]:
    """Figures of `DIAGNOSIS` side by side as `wide` and `narrow` SVG."""

    def fill(figure: Figure, size: str) -> None:
        rows = -(-len(panels) // COLUMNS[size])
        figure.set_figheight(rows * PANEL_HEIGHT)
        for place, column in enumerate(panels, 1):
            axes = figure.add_subplot(rows, COLUMNS[size], place)
            draw(axes, column)
            axes.set_title(DIAGNOSIS[column], fontsize=8.5, loc="left")
            axes.set(xlabel="", ylabel="")

    return in_both_widths("diagnosis", description, fill)


def _draw(curves: pd.DataFrame, axes: Axes, column: str) -> None:
    of_loss, marker = column == "loss", "o" if curves.epoch.nunique() <= 40 else None
    look = {"markersize": 5, "linewidth": 1.8} if of_loss else {"markersize": 4, "linewidth": 1.4}
    for place, seed in enumerate(sorted(curves.seed.unique())):
        own = curves[curves.seed == seed].dropna(subset=column)
        axes.plot(own.epoch, own[column], color=colour(place), marker=marker, markeredgewidth=0, **look)
    set_scales(axes, column)
    for number, first in curves[curves["round"] > 0].groupby("round").epoch.min().items():
        axes.axvline(first - 0.5, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        if of_loss:
            axes.annotate(
                f"round {number}", (first - 0.5, 1), (0, 3), ("data", "axes fraction"), "offset points",
                va="bottom", ha="center", fontsize=8, color=INK,
            )  # fmt: skip


def set_scales(axes: Axes, column: str) -> None:
    """Few ticks, whole epochs and a light grid; the loss has a figure of its own, and more room."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8 if column == "loss" else 4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5 if column == "loss" else 3))
    axes.grid(axis="y", linewidth=0.6)
    axes.margins(x=0.03, y=0.1)
