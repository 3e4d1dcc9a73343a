"""The control of all policies: others drawn from the whole data, near or far."""

import numpy as np

from contraflow.mining.search import Candidates, rows_in_window, within_window


def random_others(
    candidates: Candidates, suspected: np.ndarray, k: int, *, position: np.ndarray, window: int, draws: list
) -> np.ndarray:
    """`k` others of each anchor, all as likely, outside of its window and not suspected: rows (A, k).

    Where fewer are left, -1 stands in their place.

    Args:
        suspected: bool (A, C).
        position: (N,) place of each row in the data.
        draws: A generator for each anchor.
    """
    found = np.full((len(candidates.anchor), k), -1, np.int64)
    most = int(rows_in_window(position, window).max())
    for row, draw in enumerate(draws):
        barred = candidates.other[row, suspected[row]]
        drawn = draw.choice(len(position), min(len(position), k + len(barred) + most), replace=False)
        near = within_window(position, candidates.anchor[[row]], drawn[None], window)[0]
        drawn = drawn[~near & ~np.isin(drawn, barred)][:k]
        found[row, : len(drawn)] = drawn
    return found
