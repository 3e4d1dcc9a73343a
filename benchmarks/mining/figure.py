"""What all arms gain, as `docs/mining.md` shows it."""

from collections.abc import Mapping
from itertools import islice

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.mining.judging import Judged
from benchmarks.mining.tasks import Task
from contraflow.foundations.artefacts import atomic
from contraflow.pages.palette import colour

DRAWN = 3  # figures
ROW_HEIGHT = 0.24  # inches


def draw(task: Task, judged: Mapping[str, Judged]) -> None:
    """Write the gains by the first figures, each with its interval taken alone, as `gains.svg` beside the rows."""
    drawn = dict(islice(task.figures.items(), DRAWN))
    figure = Figure(figsize=(8, ROW_HEIGHT * len(judged) + 0.7), layout="constrained")
    for axes, (name, words) in zip(figure.subplots(1, len(drawn), sharey=True), drawn.items(), strict=True):
        gains = [of.gains[name] for of in judged.values()]
        means, margins = [100 * of.mean for of in gains], [100 * (of.margin or 0) for of in gains]
        axes.axvline(0, color="black", linewidth=0.8)
        axes.errorbar(means, range(len(gains)), xerr=margins, fmt="o", markersize=4, capsize=2, color=colour(0))
        axes.set_title(words, fontsize=8.5, loc="left")
        axes.set(xlabel="points", yticks=range(len(gains)))
        axes.set_yticklabels(judged)
        axes.grid(axis="x", linewidth=0.5)
        axes.set_axisbelow(True)
    axes.invert_yaxis()
    mpl.rcParams["svg.hashsalt"] = "gains"  # equal gains, equal bytes
    with atomic(task.folder / "gains.svg") as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
