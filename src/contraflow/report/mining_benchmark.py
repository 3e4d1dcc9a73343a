"""What mining has brought in this project's own benchmark: the page shows it, since one run cannot tell."""

import json
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from matplotlib.figure import Figure

from contraflow.pages.palette import colour
from contraflow.pages.svg import FAINT, STYLE, to_svg
from contraflow.report.curves import WIDTHS
from contraflow.statistics import spread

BENCHMARK = Path(__file__).with_suffix(".json")  # written by benchmarks/mining
SHOWN = ("linear", "linear_1pct", "knn20")
ROW_HEIGHT = 0.24  # inches


def mining_benchmark() -> dict:
    """What the page tells of it: `verdict` and `setting` in words, the names of the `figures`, `rows`, and the gains as
    `wide` and `narrow` SVG.

    A row has the `arm`, its temperature `tau`, for each figure a `mean` and `std` (0 to 1), and the share of `false`
    negatives in the last round, None without mining.
    """
    content = json.loads(BENCHMARK.read_text(encoding="utf-8"))
    plain, *others = content["arms"]
    rows = [
        {
            "arm": row["arm"],
            "tau": row["tau"],
            "figures": [spread(row[name]) for name in SHOWN],
            "false": fmean(row["false"][-1]) if row["false"] else None,
        }
        for row in content["arms"]
    ]
    best = {name: max(others, key=lambda row: gain(row, plain, name)) for name in SHOWN}
    said = [
        f"{content['figures'][name]}: most has {row['arm']}, {100 * gain(row, plain, name):+.1f} points"
        for name, row in best.items()
    ]
    drawn = {}
    for name, width in WIDTHS.items():
        with mpl.rc_context(STYLE):
            figure = gains(content, width)
        drawn[name] = to_svg(figure, f"mining-{name}", f"Gains over training without mining. {'; '.join(said)}.")
    return {
        "verdict": content["verdict"],
        "setting": content["setting"],
        "figures": [content["figures"][name] for name in SHOWN],
        "rows": rows,
        **drawn,
    }


def gains(content: dict, width: float) -> Figure:
    """The gains of all arms over the first, which mines nothing, with the spread over seeds of both.

    Args:
        content: That of `BENCHMARK`.
        width: Inches; where it is little, the figures lie one below the other.
    """
    plain, *others = content["arms"]
    across = len(SHOWN) if width > WIDTHS["narrow"] else 1
    down = len(SHOWN) // across
    figure = Figure(figsize=(width, down * (ROW_HEIGHT * len(others) + 0.7)), layout="constrained")
    panels = figure.subplots(down, across, sharey=True, squeeze=False).flat
    for axes, name in zip(panels, SHOWN, strict=True):
        means, spreads = zip(
            *((100 * gain(row, plain, name), 100 * spread(row[name])["std"]) for row in others), strict=True
        )
        around = 100 * spread(plain[name])["std"]
        axes.axvspan(-around, around, color=FAINT, alpha=0.25, linewidth=0)
        axes.errorbar(means, range(len(others)), xerr=spreads, fmt="o", markersize=4, capsize=2, color=colour(0))
        axes.set_title(content["figures"][name], fontsize=8.5, loc="left")
        axes.set(xlabel="points", yticks=range(len(others)))
        axes.set_yticklabels([row["arm"] for row in others])
        axes.grid(axis="x", linewidth=0.5)
        axes.set_axisbelow(True)
    axes.invert_yaxis()
    return figure


def gain(row: dict, plain: dict, figure: str) -> float:
    """How much higher the mean over seeds is than that of `plain`."""
    return fmean(row[figure]) - fmean(plain[figure])
