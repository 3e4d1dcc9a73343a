"""The map of test embeddings, drawn."""

import io

import numpy as np
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle

from contraflow.pages.palette import COLOURS, MARKS, MOST_CLASSES, colour, mark
from contraflow.pages.pictures import encoded
from contraflow.pages.svg import drawing
from contraflow.report.run import Run

OTHER = "#8c8c8c"
SIDE, DPI = 5.6, 150  # inches, dots an inch
TILE = 32  # pixels a side, at most, of the image that a point shows


def embedding_map(run: Run) -> dict | None:
    """A picture of the map, its legend, where on it the class numbers stand, and what each of its points shows.

    None where the map cannot be drawn.
    """
    classes, chosen, positions = run.classes, run.projection.image, run.projection.position
    if not len(chosen):
        return None
    labels = run.labels[chosen]
    shown = _shown(labels, len(classes))
    low, high = positions.min(axis=0), positions.max(axis=0)
    positions = (positions - low) / np.maximum(high - low, 1e-12)  # both axes 0 to 1: t-SNE's have no meaning
    numbered = shown if len(classes) <= MOST_CLASSES else []
    legend = [
        {"number": place + 1, "name": classes[c], "colour": colour(place), "mark": MARKS[mark(place)]}
        for place, c in enumerate(shown)
    ]
    return {
        "uri": _draw(positions, labels, shown),
        "points": len(chosen),
        "legend": legend,
        "others": len(classes) - len(shown),
        "chips": [_chip(positions[labels == c], place) for place, c in enumerate(numbered) if (labels == c).any()],
        "sheet": run.shown.sheet("test", chosen, TILE),
        "data": {
            "left": [_per_cent(x) for x in positions[:, 0]],
            "top": [_per_cent(1 - y) for y in positions[:, 1]],
            "image": chosen.tolist(),
            "actual": labels.tolist(),
            "predicted": run.predicted[chosen].tolist(),
            "classes": classes,
        },
    }


def _shown(labels: np.ndarray, classes: int) -> list[int]:
    """The classes that get a colour: all of them, or the ten with most points where they are too many to tell apart."""
    if classes <= MOST_CLASSES:
        return list(range(classes))
    sizes = np.bincount(labels, minlength=classes)
    return sorted(np.argsort(-sizes, kind="stable")[: len(COLOURS)].tolist())


def _chip(positions: np.ndarray, place: int) -> dict:
    """Where a class's number stands, in per cent from left and top: on its point nearest to the median of all."""
    from_median = np.linalg.norm(positions - np.median(positions, axis=0), axis=1)
    x, y = positions[from_median.argmin()]
    return {"number": place + 1, "colour": colour(place), "left": _per_cent(x), "top": _per_cent(1 - y)}


def _per_cent(position: float) -> float:
    """Of the picture, whose edge is left free on every side."""
    return round(100 * (_EDGE + (1 - 2 * _EDGE) * float(position)), 2)


_EDGE = 0.03
_MARKERS = {name: (style := MarkerStyle(name)).get_path().transformed(style.get_transform()) for name in MARKS}


def _draw(positions: np.ndarray, labels: np.ndarray, shown: list[int]) -> str:
    place = {c: i for i, c in enumerate(shown)}
    places = np.array([place.get(c, -1) for c in labels.tolist()])
    order = np.argsort(places, kind="stable")
    order = order[np.random.default_rng(0).permutation(len(order))]  # mixed, so that no class lies over all others
    with drawing():
        figure = Figure(figsize=(SIDE, SIDE), dpi=DPI)
        axes = figure.add_axes((0, 0, 1, 1))
        points = axes.scatter(
            *positions[order].T,
            c=[OTHER if p < 0 else colour(p) for p in places[order]],
            s=17 if len(order) > 500 else 36,
            alpha=0.75,
            linewidth=0,
        )
        points.set_paths([_MARKERS["o" if p < 0 else mark(p)] for p in places[order]])
        limits = (-_EDGE / (1 - 2 * _EDGE), 1 + _EDGE / (1 - 2 * _EDGE))
        axes.set(xlim=limits, ylim=limits)
        axes.set_axis_off()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, transparent=True, metadata={"Software": None})
    return encoded(buffer, "png")
