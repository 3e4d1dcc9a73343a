"""Exact statistics of pixels, so that they are the same on every machine."""

from fractions import Fraction
from math import sqrt

import numpy as np

_CHUNK = 1024  # images at a time
_LEAST_STD = 1 / 255  # one grey level; what images without any contrast get, for they are divided by it


def mean_and_std(pixels: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of (N, H, W, C) uint8 images, on the scale 0 to 1.

    Counted in integers: neither order nor rounding of a sum matters.
    """
    channels = pixels.shape[3]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(pixels), _CHUNK):
        chunk = pixels[start : start + _CHUNK]
        for channel in range(channels):
            counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
    means, stds = [], []
    for histogram in counts.tolist():
        total = sum(histogram)
        mean = Fraction(sum(value * n for value, n in enumerate(histogram)), total)
        variance = Fraction(sum(value * value * n for value, n in enumerate(histogram)), total) - mean**2
        means.append(float(mean / 255))
        stds.append(max(sqrt(variance / 255**2), _LEAST_STD))
    return means, stds
