"""Small drawings of trainings by epoch, cheap enough to be made while they run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contraflow.pages.numbers import fixed, is_number
from contraflow.pages.palette import colour
from contraflow.watch.seen import FollowedTraining

SIZE = (240, 90)  # width and height of a drawing, in its own units
MARGIN = 6
FIGURES = {"loss": "loss", "knn": "k-NN", "rank": "effective rank", "spread": "spread"}


@dataclass(frozen=True)
class Line:
    """One training: its colour, and its epochs as points of a polyline; a single one is drawn as a dot."""

    colour: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One figure: its name, what to say of it to whom it cannot be shown, its lines and the range that they cover."""

    name: str
    words: str
    lines: list[Line]
    least: str
    most: str


def panels(trainings: Sequence[FollowedTraining]) -> list[Panel]:
    """A drawing a figure that was measured, with a line a training."""
    return [found for column, name in FIGURES.items() if (found := _panel(trainings, column, name))]


def _panel(trainings: Sequence[FollowedTraining], column: str, name: str) -> Panel | None:
    values = {
        number: points
        for number, training in enumerate(trainings)
        if (points := [(row.epoch, y) for row in training.rows if is_number(y := getattr(row, column))])
    }
    if not values:
        return None
    xs, ys = zip(*(point for points in values.values() for point in points), strict=True)
    x, y = _scale(min(xs), max(xs), SIZE[0]), _scale(max(ys), min(ys), SIZE[1])
    digits = 3 if column in ("knn", "loss", "spread") else 1
    ends = ", ".join(f"{trainings[number].name} {fixed(points[-1][1], digits)}" for number, points in values.items())
    lines = [Line(colour(number), [(x(a), y(b)) for a, b in points]) for number, points in values.items()]
    return Panel(name, f"{name} by epoch, at last {ends}", lines, fixed(min(ys), digits), fixed(max(ys), digits))


def _scale(first: float, last: float, length: int):
    """From values to places along a side of the drawing; where there is one value only, to the middle."""

    def place(value: float) -> float:
        share = 0.5 if math.isclose(first, last) else (value - first) / (last - first)
        return round(MARGIN + share * (length - 2 * MARGIN), 1)

    return place
