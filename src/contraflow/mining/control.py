"""The control of all policies: others drawn from the whole data, near or far."""

import numpy as np

from contraflow.mining.search import Candidates, window_rows


def random_others(
    candidates: Candidates, suspected: np.ndarray, k: int, *, position: np.ndarray, window: int, draws: list
) -> np.ndarray:
    """`k` others of each anchor, all as likely, outside of its window and not suspected: rows (A, k).

    Where fewer are left, -1 stands in their place.

    Args:
        suspected: bool (A, C).
        position: (N,) rising place of each row in the data.
        draws: A generator for each anchor.
    """
    found = np.full((len(candidates.anchor), k), -1, np.int64)
    first, behind = window_rows(position, candidates.anchor, window)
    for row, draw in enumerate(draws):
        barred = candidates.other[row, suspected[row]]
        outside = len(position) - (behind[row] - first[row])
        drawn = draw.choice(outside, min(outside, k + len(barred)), replace=False)
        drawn = np.where(drawn >= first[row], drawn + behind[row] - first[row], drawn)
        drawn = drawn[~np.isin(drawn, barred)][:k]
        found[row, : len(drawn)] = drawn
    return found
