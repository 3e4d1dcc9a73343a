"""What is learned of all pixels, exactly, so that it is the same on every machine."""

from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import numpy as np

from contraflow.data.duplicates import as_digests, pixel_digest

_CHUNK = 1024  # images at a time
_LEAST_STD = 1 / 255  # one grey level; what images without any contrast get, for they are divided by it


@dataclass(frozen=True)
class Facts:
    """Of some images: the digest of each (N,), and how often each channel has each value, (C, 256) int64."""

    digests: np.ndarray
    counts: np.ndarray


def facts_of(pixels: np.ndarray) -> Facts:
    """The facts of images (N, H, W, C) uint8."""
    return Facts(as_digests(map(pixel_digest, pixels), len(pixels)), count_values(pixels))


def count_values(pixels: np.ndarray) -> np.ndarray:
    """How often each channel of images (N, H, W, C) uint8 has each value, (C, 256) int64."""
    channels = pixels.shape[3]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(pixels), _CHUNK):
        chunk = pixels[start : start + _CHUNK]
        for channel in range(channels):
            counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
    return counts


def mean_and_std(counts: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of counted pixels (C, 256), on the scale 0 to 1.

    Computed in fractions: neither order nor rounding of a sum matters.
    """
    means, stds = [], []
    for histogram in counts.tolist():
        total = sum(histogram)
        mean = Fraction(sum(value * n for value, n in enumerate(histogram)), total)
        variance = Fraction(sum(value * value * n for value, n in enumerate(histogram)), total) - mean**2
        means.append(float(mean / 255))
        stds.append(max(sqrt(variance / 255**2), _LEAST_STD))
    return means, stds
