"""Figures of a classifier class by class."""

import numpy as np
from sklearn import metrics


def confusion_matrix(actual: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Images (classes, classes) int64 of each actual class (row) that were given each class (column)."""
    return metrics.confusion_matrix(actual, predicted, labels=np.arange(classes))


def per_class(actual: np.ndarray, predicted: np.ndarray, names: list[str]) -> list[dict]:
    """Precision, recall and F1 (0 to 1) of each class, and how many images really belong to it.

    A figure whose denominator is 0, as for a class that never occurs or is never predicted, is 0.
    """
    precision, recall, f1, images = metrics.precision_recall_fscore_support(
        actual, predicted, labels=np.arange(len(names)), zero_division=0
    )
    return [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "images": int(n)}
        for name, p, r, f, n in zip(names, precision, recall, f1, images, strict=True)
    ]
