"""Accuracy over time, as `table.md` shows it."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.long.measuring import ACCURACIES, PIXELS
from benchmarks.long.table import Found
from contraflow.foundations.artefacts import atomic
from contraflow.pages.palette import colour

DRAWN = {"linear": "-", "knn20": ":"}  # figure: line


def draw(found: Found, pixels: Mapping, path: Path) -> None:
    """Write the accuracies on the validation images, of pixels as a level that takes no time, as SVG."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, line in DRAWN.items():
        for number, (side, rows) in enumerate(found.items()):
            places, heights = [row["processor_hours"] for row in rows], [100 * row[name] for row in rows]
            axes.plot(places, heights, line, marker=".", color=colour(number), label=f"{side}, {ACCURACIES[name]}")
        axes.axhline(100 * pixels[name], ls=line, color="black", linewidth=0.8, label=f"{PIXELS}, {ACCURACIES[name]}")
    axes.set(xscale="log", xlabel="hours of processor time", ylabel="accuracy, validation images, %")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(linewidth=0.5)
    axes.set_axisbelow(True)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=len(DRAWN))
    mpl.rcParams["svg.hashsalt"] = "hours"  # equal rows, equal bytes
    with atomic(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
