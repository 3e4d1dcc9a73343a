"""Figures of a classifier: class by class, and whether it is as sure as it is right."""

import numpy as np

from contraflow.evaluation.results import Bin, ClassFigures

BINS = 15


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


def reliability(confidence: np.ndarray, correct: np.ndarray) -> list[Bin]:
    """Images by their confidence, in bins of equal width from 0 to 1, each closed at its upper end.

    They show whether a classifier is as sure as it is right (Guo et al. 2017, "On Calibration of Modern Neural
    Networks").

    Args:
        confidence: Probability of the predicted class, (N,), greater than 0 to 1.
        correct: Whether that class is the right one, (N,).
    """
    bin_of = np.ceil(confidence.astype(np.float64) * BINS).astype(np.int64).clip(1, BINS) - 1
    images, sure, right = (
        np.bincount(bin_of, weights, BINS) for weights in (None, confidence.astype(np.float64), correct)
    )
    some = np.maximum(images, 1)
    return [
        Bin(images=int(n), confidence=float(s), accuracy=float(r))
        for n, s, r in zip(images, sure / some, right / some, strict=True)
    ]


def calibration_error(bins: list[Bin]) -> float:
    """Expected calibration error: mean over images of their bin's distance between accuracy and confidence, 0 to 1."""
    total = sum(b.images for b in bins)
    return sum(b.images * abs(b.accuracy - b.confidence) for b in bins) / total
