"""What is learned of all pixels, exactly, so that it is the same on every machine; and which images are copies."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import numpy as np

from contraflow.encoded.card import Repeats

MOST_LISTED = 50  # pairs in the data card; what there is beyond them is counted
DIGEST = "S32"  # bytes
_CHUNK = 1024  # images at a time
_LEAST_STD = 1 / 255  # one grey level; what images without any contrast get, for they are divided by it


@dataclass(frozen=True)
class Facts:
    """Of some images: the `DIGEST` of each (N,), and how often each channel has each value, (C, 256) int64."""

    digests: np.ndarray
    counts: np.ndarray


def facts_of(pixels: np.ndarray) -> Facts:
    """The facts of images (N, H, W, C) uint8."""
    return Facts(np.fromiter(map(pixel_digest, pixels), DIGEST, len(pixels)), count_values(pixels))


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


def pixel_digest(pixels: np.ndarray) -> bytes:
    """SHA-256 of an image (H, W, C) uint8: of its shape and of its pixels."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels))
    return digest.digest()


def earliest(digests: np.ndarray) -> np.ndarray:
    """Of each image the first that equals it, by their digests (N,): places (N,) int64."""
    _, first, place = np.unique(digests, return_index=True, return_inverse=True)
    return first[place].astype(np.int64)


def copies(earliest: np.ndarray, names: Sequence[str | int]) -> Repeats:
    """Images of which an earlier one (N,) is the first that equals them; as in `leaks`."""
    found = np.flatnonzero(earliest != np.arange(len(earliest)))
    return _repeats(found, earliest, names, names)


def leaks(
    test: np.ndarray, train: np.ndarray, test_names: Sequence[str | int], train_names: Sequence[str | int]
) -> Repeats:
    """Test images that equal a training image, by their digests (N,) and (M,).

    Listed are the first `MOST_LISTED`, each beside the earliest training image that equals it.
    """
    known, first = np.unique(train, return_index=True)
    place = np.minimum(np.searchsorted(known, test), len(known) - 1)
    return _repeats(np.flatnonzero(known[place] == test), first[place], test_names, train_names)


def _repeats(
    found: np.ndarray, equal_to: np.ndarray, names: Sequence[str | int], others: Sequence[str | int]
) -> Repeats:
    listed = [[names[i], others[equal_to[i]]] for i in found[:MOST_LISTED].tolist()]
    return Repeats(images=len(found), listed=listed)
