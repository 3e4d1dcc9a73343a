"""Training curves: the loss by epoch, a line a seed, and where rounds begin."""

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from contraflow.report.palette import colour
from contraflow.report.svg import FAINT, INK, STYLE, to_svg

SIZES = {"wide": (7.6, 3.3), "narrow": (4.0, 3.0)}  # inches; the page shows the one that fits the screen


def loss_curves(curves: pd.DataFrame) -> dict | None:
    """The curves as `wide` and `narrow` SVG and a `legend`; None when no loss is a number.

    Args:
        curves: Columns seed, round, epoch (counted on through the rounds), loss.
    """
    if curves.loss.notna().sum() == 0:
        return None
    seeds = sorted(curves.seed.unique())
    last = [curves[(curves.seed == seed) & curves.loss.notna()].loss.iloc[-1:] for seed in seeds]
    ends = ", ".join(
        f"seed {seed} ends at {loss.item():.3f}" for seed, loss in zip(seeds, last, strict=True) if len(loss)
    )
    description = f"Training loss by epoch: {ends}."
    drawn: dict[str, Markup | list] = {
        name: to_svg(_draw(curves, seeds, size), f"loss-{name}", description) for name, size in SIZES.items()
    }
    return drawn | {"legend": [{"name": f"seed {seed}", "colour": colour(i)} for i, seed in enumerate(seeds)]}


def _draw(curves: pd.DataFrame, seeds: list[int], size: tuple[float, float]) -> Figure:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        sns.lineplot(
            curves,
            x="epoch",
            y="loss",
            hue="seed",
            hue_order=seeds,
            palette=[colour(i) for i in range(len(seeds))],
            estimator=None,
            marker="o" if curves.epoch.nunique() <= 40 else None,
            markeredgewidth=0,
            markersize=5,
            linewidth=1.8,
            legend=False,
            ax=axes,
        )
        axes.set(xlabel="epoch", ylabel="loss")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.grid(axis="y", linewidth=0.6)
        axes.margins(x=0.03, y=0.1)
        for number, first in curves[curves["round"] > 0].groupby("round").epoch.min().items():
            axes.axvline(first - 0.5, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
            axes.annotate(
                f"round {number}", (first - 0.5, 1), (0, 3), ("data", "axes fraction"), "offset points",
                va="bottom", ha="center", fontsize=8, color=INK,
            )  # fmt: skip
    return figure
