"""Training curves by epoch, a line a seed, and where rounds begin."""

from collections.abc import Callable

import pandas as pd
import seaborn as sns
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


def loss_curves(curves: pd.DataFrame) -> dict | None:
    """The loss as `wide` and `narrow` SVG and a `legend`; None when no loss is a number.

    Args:
        curves: Columns seed, round, epoch (counted on through the rounds), loss.
    """
    if curves.loss.notna().sum() == 0:
        return None
    seeds = sorted(curves.seed.unique())
    last = curves.groupby("seed").loss.last().dropna()
    ends = ", ".join(f"seed {seed} ends at {loss:.3f}" for seed, loss in last.items())

    def draw(axes: Axes) -> None:
        _draw(axes, curves, "loss")
        for number, first in _rounds(curves).items():
            axes.annotate(
                f"round {number}", (first - 0.5, 1), (0, 3), ("data", "axes fraction"), "offset points",
                va="bottom", ha="center", fontsize=8, color=INK,
            )  # fmt: skip

    legend = [{"name": f"seed {seed}", "colour": colour(i)} for i, seed in enumerate(seeds)]
    return draw_loss(draw, f"Training loss by epoch: {ends}.") | {"legend": legend}


def draw_loss(draw: Callable[[Axes], None], description: str) -> dict[str, Markup]:
    """The loss as `wide` and `narrow` SVG; `draw` puts its lines into the axes."""

    def figure(size: str, width: float) -> Figure:
        made = Figure(figsize=(width, LOSS_HEIGHTS[size]), layout="constrained")
        axes = made.add_subplot()
        draw(axes)
        axes.set(xlabel="epoch", ylabel="loss")
        return made

    return in_both_widths("loss", description, figure)


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
    description = f"Diagnosis by epoch. Means over seeds at the end: {ends}."
    return draw_panels(panels, lambda axes, column: _draw(axes, curves, column), description)


def draw_panels(panels: list[str], draw: Callable[[Axes, str], None], description: str) -> dict[str, Markup]:
    """Figures of `DIAGNOSIS` side by side as `wide` and `narrow` SVG; `draw` puts a column's lines into its panel."""

    def figure(size: str, width: float) -> Figure:
        rows = -(-len(panels) // COLUMNS[size])
        made = Figure(figsize=(width, rows * PANEL_HEIGHT), layout="constrained")
        for place, column in enumerate(panels, 1):
            axes = made.add_subplot(rows, COLUMNS[size], place)
            draw(axes, column)
            axes.set_title(DIAGNOSIS[column], fontsize=8.5, loc="left")
            axes.set(xlabel="", ylabel="")
        return made

    return in_both_widths("diagnosis", description, figure)


def _draw(axes: Axes, curves: pd.DataFrame, column: str) -> None:
    seeds = sorted(curves.seed.unique())
    sns.lineplot(
        curves.dropna(subset=column),
        x="epoch",
        y=column,
        hue="seed",
        hue_order=seeds,
        palette=[colour(i) for i in range(len(seeds))],
        estimator=None,
        marker="o" if curves.epoch.nunique() <= 40 else None,
        markeredgewidth=0,
        markersize=5 if column == "loss" else 4,
        linewidth=1.8 if column == "loss" else 1.4,
        legend=False,
        ax=axes,
    )
    set_scales(axes, column)
    for first in _rounds(curves):
        axes.axvline(first - 0.5, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))


def set_scales(axes: Axes, column: str) -> None:
    """Few ticks, whole epochs and a light grid; the loss has a figure of its own, and more room."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8 if column == "loss" else 4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5 if column == "loss" else 3))
    axes.grid(axis="y", linewidth=0.6)
    axes.margins(x=0.03, y=0.1)


def _rounds(curves: pd.DataFrame) -> pd.Series:
    """First epoch of each round of mining, by its number."""
    return curves[curves["round"] > 0].groupby("round").epoch.min()
