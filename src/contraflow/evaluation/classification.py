"""Figures of a classifier: class by class, and whether it is as sure as it is right."""

import numpy as np

from contraflow.evaluation.results import DIGITS, Bin, Calibration, ClassFigures

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


def calibration(confidence: np.ndarray, correct: np.ndarray) -> Calibration:
    """Images by their confidence, in bins of equal width from 0 to 1, each closed at its upper end; and the expected
    calibration error, the mean over images of their bin's distance between accuracy and confidence, 0 to 1.

    They show whether a classifier is as sure as it is right (Guo et al. 2017, "On Calibration of Modern Neural
    Networks").

    Args:
        confidence: Probability of the predicted class, (N,), greater than 0 to 1.
        correct: Whether that class is the right one, (N,).
    """
    confidence = confidence.astype(np.float64)
    bin_of = np.ceil(confidence * BINS).astype(np.int64).clip(1, BINS) - 1
    images, sure, right = (np.bincount(bin_of, weights, BINS) for weights in (None, confidence, correct))
    sure, right = sure / np.maximum(images, 1), right / np.maximum(images, 1)
    error = sum((images * np.abs(right - sure)).tolist()) / len(confidence)
    bins = [
        Bin(images=int(n), confidence=round(float(s), DIGITS), accuracy=round(float(r), DIGITS))
        for n, s, r in zip(images, sure, right, strict=True)
    ]
    return Calibration(ece=round(error, DIGITS), bins=bins)
