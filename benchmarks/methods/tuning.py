"""One parameter of each method, tuned over a grid that widens until the best value lies inside of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

RATIO = 2  # of a value of a grid to the one below
WIDENINGS = 8  # at most: values from a 512th of the middle to 512 times as much


@dataclass(frozen=True)
class Grid:
    """Values of a parameter: `middle` times whole powers of RATIO."""

    parameter: str
    middle: float

    def value(self, step: int) -> float:
        return self.middle * float(RATIO) ** step


TEMPERATURES = Grid("loss.tau", 0.2)
RATES = Grid("train.lr", 0.2)
LOW_RATES = Grid("train.lr", 0.02)  # of losses that are sums over dimensions, ten times as large
_GRIDS = {  # RATES for those not named
    **dict.fromkeys(("simclr", "moco", "memory_bank", "nnclr", "swav", "dino", "supcon", "supcon_ce"), TEMPERATURES),
    **dict.fromkeys(("barlow_twins", "vicreg"), LOW_RATES),
}


def grid_of(method: str) -> Grid:
    """What is tuned."""
    return _GRIDS.get(method, RATES)


@dataclass(frozen=True)
class Tuned:
    """The value that was chosen, and whether it still lies at the edge of those that were tried."""

    value: float
    at_edge: bool


def tune(grid: Grid, score: Callable[[float], float]) -> Tuned:
    """Try three values, and one more beyond the best for as long as that is the least or the greatest of those tried.

    Ties go to the value nearest to the middle, of two to the smaller one.

    Args:
        score: How good a value is, the more the better; NaN where nothing comes of it, which is worse than all else.
    """
    scores: dict[int, float] = {}

    def attempt(step: int) -> None:
        found = score(grid.value(step))
        scores[step] = -math.inf if math.isnan(found) else found

    def best() -> int:
        return max(scores, key=lambda step: (scores[step], -abs(step), -step))

    for step in (-1, 0, 1):
        attempt(step)
    for _ in range(WIDENINGS):
        if best() == min(scores):
            attempt(best() - 1)
        elif best() == max(scores):
            attempt(best() + 1)
    chosen = best()
    return Tuned(grid.value(chosen), at_edge=chosen in (min(scores), max(scores)))
