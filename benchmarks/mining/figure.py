"""The gains of all arms over no mining, as `docs/mining.md` shows them."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.mining.gains import gain
from contraflow.foundations.artefacts import atomic
from contraflow.pages.palette import colour

SHOWN = ("linear", "linear_1pct", "knn20")
ROW_HEIGHT = 0.24  # inches


def draw(arms: list[dict], names: dict[str, str], path: Path) -> None:
    """Write the gains over the first arm, which mines nothing, each with its interval.

    Args:
        arms: Each with its name (`arm`) and for each of SHOWN the figures by seed, 0 to 1.
        names: Of figures, in words.
        path: The file (.svg).
    """
    plain, *others = arms
    figure = Figure(figsize=(8, ROW_HEIGHT * len(others) + 0.7), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(SHOWN), sharey=True), SHOWN, strict=True):
        gains = [gain(row, plain, name) for row in others]
        means, margins = [100 * of.mean for of in gains], [100 * (of.margin or 0) for of in gains]
        axes.axvline(0, color="black", linewidth=0.8)
        axes.errorbar(means, range(len(others)), xerr=margins, fmt="o", markersize=4, capsize=2, color=colour(0))
        axes.set_title(names[name], fontsize=8.5, loc="left")
        axes.set(xlabel="points", yticks=range(len(others)))
        axes.set_yticklabels([row["arm"] for row in others])
        axes.grid(axis="x", linewidth=0.5)
        axes.set_axisbelow(True)
    axes.invert_yaxis()
    mpl.rcParams["svg.hashsalt"] = path.stem  # equal gains, equal bytes
    with atomic(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
