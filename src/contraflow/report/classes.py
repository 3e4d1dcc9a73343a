"""Class by class: the confusion matrix, what is taken for what, what mining changed of it, precision, recall and F1."""

from statistics import fmean

import matplotlib as mpl
import numpy as np
from PIL import Image

from contraflow.evaluation.results import ClassFigures
from contraflow.foundations.arrays import drawn
from contraflow.pages.numbers import fixed
from contraflow.pages.pictures import data_uri
from contraflow.report.run import Run

MOST_WITH_NAMES = 30  # more classes are drawn as a picture
PAIRS = 5
EACH_PAIR = 8  # images
CHANGES = 6


def confusion(run: Run) -> dict | None:
    """The confusion matrix of the linear probe, in shares of each actual class, over all seeds.

    Either `rows` (name and cells) or, for many classes, a picture `uri`. None when there is none.
    """
    shares = _confused(run)
    if shares is None:
        return None
    if len(shares) > MOST_WITH_NAMES:
        return {"uri": _picture(shares), "classes": len(shares)}
    rows = [
        {"name": name, "cells": [_cell(float(value), hit=i == j) for j, value in enumerate(row)]}
        for i, (name, row) in enumerate(zip(run.classes, shares, strict=True))
    ]
    return {"rows": rows}


def _cell(value: float, *, hit: bool) -> dict:
    """One cell of the table: share, text (a dot for less than half a per cent), and depth of colour from 0 to 1.

    Errors are drawn 2.2 times as deep as hits, since an error of 20 % matters more than a hit of 20 %.
    """
    text = fixed(100 * value, 0)
    return {
        "share": value,
        "hit": hit,
        "text": "·" if text == "0" and not hit else text,
        "depth": round(value if hit else min(1.0, 2.2 * value), 3),
    }


def _confused(run: Run) -> np.ndarray | None:
    """Share of each actual class (row) that the linear probes of all seeds take for each class; None without any."""
    counted = [np.array(e.confusion, float) for e in run.evaluations["encoder"].values() if e.confusion]
    return _shares(np.sum(counted, axis=0)) if counted else None


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def mistaken(run: Run) -> list[dict]:
    """The pairs of classes that are confused most: `actual` class, `predicted` one, and the `share` of all its test
    images, over all seeds; and a `strip` of some that the first seed's probe so mistakes, None where it does not.
    """
    shares, found = _confused(run), []
    for i, j in _largest(shares, PAIRS) if shares is not None else ():
        images = drawn(np.flatnonzero((run.labels == i) & (run.predicted == j)), EACH_PAIR)
        pair = {"actual": run.classes[i], "predicted": run.classes[j], "share": float(shares[i, j])}
        found.append(pair | {"strip": run.shown.strip("test", images) if len(images) else None})
    return found


def _largest(values: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Row and column of the largest values above 0 that lie off the diagonal, the largest first."""
    off = np.where(np.eye(len(values), dtype=bool), 0, values)
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    return [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, off.shape), strict=True) if off[i, j] > 0]


def confusion_changes(run: Run) -> list[dict]:
    """The pairs of classes whose error on validation images changed most between the first and the last measured round.

    Each is a dict: `actual` class, the class it is taken for (`predicted`), and in what share of its images, over all
    seeds, `before` and `after`. The greatest change comes first; there are none without labels, or with one round.
    """
    if len(run.confusions) < 2:
        return []
    before, after = (_shares(run.confusions[number]) for number in (min(run.confusions), max(run.confusions)))
    return [
        {
            "actual": run.classes[i],
            "predicted": run.classes[j],
            "before": float(before[i, j]),
            "after": float(after[i, j]),
        }
        for i, j in _largest(np.abs(after - before), CHANGES)
    ]


def _picture(shares: np.ndarray) -> str:
    """A pixel a cell, enlarged; the square root lets small errors be seen."""
    colours = mpl.colormaps["viridis"](np.sqrt(shares))[..., :3]
    picture = Image.fromarray((colours * 255).round().astype(np.uint8))
    scale = max(1, 800 // len(shares))
    return data_uri(picture.resize((scale * len(shares),) * 2, Image.Resampling.NEAREST))


def mean_per_class(run: Run) -> list[ClassFigures]:
    """The figures of each class, means over seeds."""
    tables = [evaluation.per_class for evaluation in run.evaluations["encoder"].values()]
    shares = ("precision", "recall", "f1")
    return [
        same[0].model_copy(update={share: fmean(getattr(each, share) for each in same) for share in shares})
        for same in zip(*tables, strict=True)
    ]
