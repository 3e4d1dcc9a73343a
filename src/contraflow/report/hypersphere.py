"""How features lie on the sphere: the alignment-uniformity plane (Wang & Isola 2020), and how similar pairs are."""

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contraflow.pages.numbers import fixed, is_number, listing, share
from contraflow.pages.svg import FAINT, INK, in_both_widths
from contraflow.report.run import Run
from contraflow.report.summary import inside, names

# Told apart by shape as well as by colour; the colours are those of the accuracies.
_POINTS = {  # mark, the same in the legend, colour
    "encoder": ("o", "●", "#1f7fa6"),
    "control": ("v", "▼", "#8a6d1d"),
    "untrained": ("s", "■", "#8c8c8c"),
    "raw_pixels": ("D", "◆", "#c95814"),
    "pca_pixels": ("^", "▲", "#9d5fc9"),
    "supervised": ("P", "✚", "#3c8a3c"),
}
_PAIRS = {  # name, colour, dashes, mark in the legend
    "positive": ("two views of one image", "#1f7fa6", None, "■"),
    "negative": ("different images", "#c95814", None, "━"),
    "same_class": ("different images of one class", "#832db6", (5, 2), "╍"),
    "other_class": ("images of different classes", "#8c8c8c", (1.5, 1.5), "┅"),
}


def plane(run: Run) -> dict[str, Markup] | None:
    """Alignment and uniformity of every evaluation as `wide` and `narrow` SVG; None without any."""
    points = [
        (name, evaluation.alignment, evaluation.uniformity)
        for name, by_seed in run.evaluations.items()
        for evaluation in by_seed.values()
        if is_number(evaluation.alignment) and is_number(evaluation.uniformity)
    ]
    if not points:
        return None
    said = [f"{names(run)[name]} at alignment {fixed(a, 3)}, uniformity {fixed(u, 2)}" for name, a, u in points]
    description = f"Alignment against uniformity: {'; '.join(said)}."

    def draw(figure: Figure, _: str) -> None:
        figure.set_figwidth(min(figure.get_figwidth(), 5.6))
        axes = figure.add_subplot()
        for name, (mark, _, colour) in _POINTS.items():
            own = [(a, u) for of, a, u in points if of == name]
            if own:
                axes.scatter(*zip(*own, strict=True), s=58, marker=mark, color=colour, linewidths=0, alpha=0.85)
        axes.set(xlabel="alignment (0 is best)", ylabel="uniformity (lower is more spread out)")
        axes.margins(0.18)
        axes.set_xlim(left=min(0, axes.get_xlim()[0]))
        axes.annotate("good", (0.02, 0.03), xycoords="axes fraction", color=INK, fontsize=9, fontweight="bold")
        axes.annotate(
            "", (0.015, 0.02), (0.13, 0.2), "axes fraction", "axes fraction",
            arrowprops={"arrowstyle": "->", "color": INK, "shrinkA": 0, "shrinkB": 14},
        )  # fmt: skip
        axes.grid(linewidth=0.6)

    return in_both_widths("plane", description, draw) | {
        "legend": [
            {"name": names(run)[name], "colour": colour, "mark": mark}
            for name, (_, mark, colour) in _POINTS.items()
            if any(of == name for of, _, _ in points)
        ]
    }


def similarities(run: Run) -> dict | None:
    """How similar two views of one image and views of different images are, encoder beside untrained encoder.

    As `wide` and `narrow` SVG, a `legend`, and `overlap`: the share of pairs of different images that are more similar
    than the middle one of the pairs of one image. None where there are no pairs of different images.
    """
    counted = {name: _over_seeds(run, name) for name in ("encoder", "untrained")}
    if not counted["encoder"]["negative"].any():
        return None
    overlaps = {name: _overlap(counts) for name, counts in counted.items()}
    said = [f"{inside(names(run)[name])} {share(value)}" for name, value in overlaps.items()]
    description = (
        "Histograms of cosine similarity. Share of pairs of different images more similar than the middle pair of "
        f"views of one image: {listing(said)}."
    )
    seen = np.flatnonzero(sum(counts.sum(axis=0) for counts in (np.stack(list(c.values())) for c in counted.values())))

    def draw(figure: Figure, size: str) -> None:
        figure.set_figheight(2.7 if size == "wide" else 4.4)
        grid = (1, 2) if size == "wide" else (2, 1)
        for place, (name, counts) in enumerate(counted.items(), 1):
            axes = figure.add_subplot(*grid, place)
            _draw(axes, counts, int(seen[0]))
            axes.set_title(names(run)[name], fontsize=9, loc="left")
            if place == 2 or size == "wide":
                axes.set_xlabel("cosine similarity")

    kinds = [_PAIRS[kind] for kind in _PAIRS if kind in counted["encoder"]]
    legend = [{"name": name, "colour": colour, "mark": mark} for name, colour, _, mark in kinds]
    return in_both_widths("similarities", description, draw) | {"legend": legend, "overlap": overlaps}


def _over_seeds(run: Run, name: str) -> dict[str, np.ndarray]:
    """Counts of the pairs of each kind by bin, added up over seeds."""
    tables = [evaluation.similarities for evaluation in run.evaluations[name].values()]
    return {kind: np.sum([table[kind] for table in tables], axis=0) for kind in tables[0]}


def _overlap(counts: dict[str, np.ndarray]) -> float:
    """Share of the negative pairs in bins above that of the median positive pair."""
    middle = int(np.searchsorted(counts["positive"].cumsum(), counts["positive"].sum() / 2))
    return float(counts["negative"][middle + 1 :].sum() / counts["negative"].sum())


def _draw(axes: Axes, counts: dict[str, np.ndarray], first: int) -> None:
    """Lines of the shares of each kind's pairs by bin, from bin `first` on, where the first pair lies."""
    bins = len(counts["positive"])
    edges = np.linspace(-1, 1, bins + 1)
    for kind, (_, colour, dashes, _) in _PAIRS.items():
        if kind in counts and counts[kind].any():
            line = axes.stairs(counts[kind] / counts[kind].sum(), edges, color=colour, linewidth=1.6)
            if dashes:
                line.set_linestyle((0, dashes))
            if kind == "positive":
                axes.stairs(counts[kind] / counts[kind].sum(), edges, color=colour, alpha=0.25, fill=True, linewidth=0)
    axes.set_xlim(edges[max(0, first - 1)], 1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=FAINT, linewidth=0.8)
