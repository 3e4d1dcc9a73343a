"""Common corruptions of images (Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations"), and rotation.

Strengths are those of their benchmarks CIFAR-10-C and ImageNet-C, as their published code has them. Rotation is not
among theirs. What is drawn is a function of (seed, index of the image): the noise of an image has one pattern, which
grows with the severity.
"""

import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image
from scipy.ndimage import gaussian_filter

SEVERITIES = (1, 3, 5)
CIFAR_LIKE = 64  # pixels a side: up to here strengths are those for CIFAR-10's 32, above those for ImageNet's 224

Random = Iterator[np.random.Generator]


class Corruption(NamedTuple):
    """How images are changed, the unit of strengths, and those of each severity, in small images and in others."""

    change: Callable[[np.ndarray, float, Random], np.ndarray]
    unit: str
    small: tuple[float, ...]
    others: tuple[float, ...]


def strength(corruption: str, severity: int, image_size: int) -> float:
    """Of a corruption in images of so many pixels a side, in its unit."""
    found = CORRUPTIONS[corruption]
    return (found.others if image_size > CIFAR_LIKE else found.small)[SEVERITIES.index(severity)]


def corrupt(images: np.ndarray, index: np.ndarray, corruption: str, severity: int, *, seed: int) -> np.ndarray:
    """Corrupted copies of images.

    Args:
        images: uint8 (N, S, S, C), C of 1 or 3.
        index: Of each image in its data set, (N,); decides what is drawn.
        corruption: A key of `CORRUPTIONS`.
        severity: One of `SEVERITIES`.
        seed: From 0.

    Returns:
        uint8 (N, S, S, C).
    """
    random = (np.random.Generator(np.random.Philox(key=np.array([seed, i], np.uint64))) for i in index)
    return CORRUPTIONS[corruption].change(images, strength(corruption, severity, images.shape[1]), random)


def _noise(images: np.ndarray, deviation: float, random: Random) -> np.ndarray:
    noise = np.stack([generator.standard_normal(image.shape) for image, generator in zip(images, random, strict=True)])
    return _to_bytes(images / 255 + deviation * noise)


def _blur(images: np.ndarray, deviation: float, _: Random) -> np.ndarray:
    return _to_bytes(gaussian_filter(images / 255, (0, deviation, deviation, 0), mode="nearest"))


def _brighten(images: np.ndarray, more: float, _: Random) -> np.ndarray:
    if images.shape[3] == 1:
        return _to_bytes(images / 255 + more)
    hsv = rgb_to_hsv(images / 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + more, 0, 1)
    return _to_bytes(hsv_to_rgb(hsv))


def _compress(images: np.ndarray, quality: float, _: Random) -> np.ndarray:
    def through_jpeg(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _each(images, through_jpeg)


def _rotate(images: np.ndarray, degrees: float, random: Random) -> np.ndarray:
    def turn(picture: Image.Image) -> Image.Image:
        return picture.rotate(degrees if next(random).random() < 0.5 else -degrees, Image.Resampling.BILINEAR)

    return _each(images, turn)


def _each(images: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """What `change` makes of each image as Pillow takes it: (H, W) for one channel."""
    pictures = images[..., 0] if images.shape[3] == 1 else images
    return np.stack([np.asarray(change(Image.fromarray(picture))) for picture in pictures]).reshape(images.shape)


def _to_bytes(images: np.ndarray) -> np.ndarray:
    return (255 * images.clip(0, 1)).round().astype(np.uint8)


CORRUPTIONS = {
    "gaussian_noise": Corruption(
        _noise, "standard deviation {}, pixels from 0 to 1", (0.04, 0.08, 0.1), (0.08, 0.18, 0.38)
    ),
    "gaussian_blur": Corruption(_blur, "standard deviation {} pixels", (0.4, 0.7, 1), (1, 3, 6)),
    "brightness": Corruption(_brighten, "{} more, from 0 to 1", (0.05, 0.15, 0.3), (0.1, 0.3, 0.5)),
    "jpeg": Corruption(_compress, "quality {}", (80, 58, 40), (25, 15, 7)),
    "rotation": Corruption(_rotate, "{} degrees either way", (10, 20, 40), (10, 20, 40)),
}
