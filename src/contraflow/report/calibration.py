"""How sure the linear probe is, beside how often it is right."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from contraflow.pages.palette import MARKS, colour
from contraflow.pages.svg import INK, in_both_widths
from contraflow.report.run import Run
from contraflow.report.summary import names

SHOWN = {"encoder": "o", "raw_pixels": "^"}  # with a mark each
HEIGHT = 3.6  # inches


def reliability(run: Run) -> dict | None:
    """The reliability of the probe as `wide` and `narrow` SVG with a `legend`, and the `errors` of all representations.

    None without labels.
    """
    called = names(run)
    errors = [
        {"name": name, "ece": run.metrics[key]["ece"]}
        for key, name in called.items()
        if "ece" in run.metrics.get(key, {})
    ]
    if not errors:
        return None
    bins = {name: _over_seeds(run.evaluations[name].values()) for name in SHOWN}
    ends = ", ".join(f"{row['name']} {100 * row['ece']['mean']:.2f} points" for row in errors)
    description = f"Accuracy by confidence of the linear probe. Expected calibration error: {ends}."
    drawn = in_both_widths("calibration", description, lambda figure, _: _draw(figure, bins))
    legend = [
        {"name": called[name], "colour": colour(i), "mark": MARKS[mark]} for i, (name, mark) in enumerate(SHOWN.items())
    ]
    return drawn | {"legend": legend, "errors": errors}


def _over_seeds(evaluations) -> np.ndarray:
    """Images, mean confidence and accuracy of each bin, (bins, 3), over all images of all seeds."""
    each = np.array(
        [[(b.images, b.confidence, b.accuracy) for b in each.calibration.bins] for each in evaluations], float
    )
    images = each[..., 0].sum(0)
    means = (each[..., :1] * each[..., 1:]).sum(0) / np.maximum(images, 1)[:, None]
    return np.column_stack([images, means])


def _draw(figure: Figure, bins: dict[str, np.ndarray]) -> None:
    figure.set_figheight(HEIGHT)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for i, (name, table) in enumerate(bins.items()):
        confidence, accuracy = table[table[:, 0] > 0, 1:].T
        above.plot(confidence, accuracy, color=colour(i), marker=SHOWN[name], markersize=5, linewidth=1.4)
        width = 1 / len(table) / (len(bins) + 1)
        left = np.arange(len(table)) / len(table) + (i + 0.5) * width
        below.bar(left, table[:, 0] / table[:, 0].sum(), width, align="edge", color=colour(i))
    above.set(ylabel="accuracy", ylim=(0, 1.02))
    below.set(xlabel="confidence", ylabel="images", xlim=(0, 1.01))
    for axes in (above, below):
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(axis="y", linewidth=0.6)
        axes.set_axisbelow(True)
    below.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
