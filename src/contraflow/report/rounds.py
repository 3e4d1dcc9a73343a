"""What mining changed: which errors the linear probe makes before the first round and after the last."""

import numpy as np

from contraflow.report.run import Run

CHANGES = 6


def confusion_changes(run: Run) -> list[dict]:
    """The pairs of classes whose error changed most between the first and the last measured round.

    Each is a dict: `actual` class, the class it is taken for (`predicted`), and the share of its validation images of
    which that holds, over all seeds, `before` and `after`. The greatest change comes first; there are none without
    labels, or with one round.
    """
    if len(run.confusions) < 2:
        return []
    before, after = (_shares(run.confusions[number]) for number in (min(run.confusions), max(run.confusions)))
    change = np.abs(after - before)
    np.fill_diagonal(change, 0)
    order = np.argsort(-change, axis=None, kind="stable")[:CHANGES]
    return [
        {
            "actual": run.classes[i],
            "predicted": run.classes[j],
            "before": float(before[i, j]),
            "after": float(after[i, j]),
        }
        for i, j in zip(*np.unravel_index(order, change.shape), strict=True)
        if change[i, j] > 0
    ]


def _shares(confusion: np.ndarray) -> np.ndarray:
    return confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
