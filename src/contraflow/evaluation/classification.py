"""Figures of a classifier class by class."""

import numpy as np

from contraflow.evaluation.results import ClassFigures


def confusion_matrix(actual: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Images (classes, classes) int64 of each actual class (row) that were given each class (column)."""
    return np.bincount(actual * classes + predicted, minlength=classes**2).reshape(classes, classes)


def per_class(confusion: np.ndarray, names: list[str]) -> list[ClassFigures]:
    """The figures of each class, from how often each (row) is taken for each (column).

    A figure whose denominator is 0, as for a class that never occurs or is never predicted, is 0.
    """
    hits, images, given = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    shares = (_share(hits, given), _share(hits, images), _share(2 * hits, given + images))
    return [
        ClassFigures(name=name, precision=float(p), recall=float(r), f1=float(f), images=int(n))
        for name, p, r, f, n in zip(names, *shares, images, strict=True)
    ]


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
