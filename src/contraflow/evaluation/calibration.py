"""Whether a classifier is as sure as it is right (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""

import numpy as np

from contraflow.evaluation.results import Bin

BINS = 15


def reliability(confidence: np.ndarray, correct: np.ndarray) -> list[Bin]:
    """Images by their confidence, in bins of equal width from 0 to 1, each closed at its upper end.

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
