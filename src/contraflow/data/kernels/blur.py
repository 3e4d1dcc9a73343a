"""Gaussian blur in whole numbers: at most one grey level from torchvision's, which is in floats."""

from math import floor

from contraflow.data.compiling import part
from contraflow.data.kernels.draws import exp

_BITS = 14


@part
def blur_radius(sigma):
    """Pixels either side that a blur takes in: three standard deviations."""
    return floor(3.0 * sigma) + 1


@part
def blur_weights(sigma, weights):
    """Gaussian weights for offsets 0, 1, ... as whole numbers that sum, over both sides, to 1 << _BITS."""
    radius = blur_radius(sigma)
    total = 1.0
    for k in range(1, radius + 1):
        total += 2.0 * exp(max(-60.0, -0.5 * k * k / (sigma * sigma)))
    weights[0] = 1 << _BITS
    for k in range(1, radius + 1):
        weights[k] = int((1 << _BITS) * exp(max(-60.0, -0.5 * k * k / (sigma * sigma))) / total + 0.5)
        weights[0] -= 2 * weights[k]
    return radius


@part
def reflect(i, length):
    """The pixel that stands for pixel i outside 0..length-1, mirrored at the middle of the border pixels."""
    period = max(2 * (length - 1), 1)
    i = abs(i) % period
    return min(i, period - i) if length > 1 else 0


@part
def blur(image, sigma, weights, padded, sums):
    """Gaussian blur of (channels, height, width), borders mirrored.

    `weights` (radius + 1), `padded` (width + 2 radius) and `sums` (height + 1, width), all int32, are working memory.
    """
    channels, height, width = image.shape
    radius = blur_weights(sigma, weights)
    result = sums[height]
    for c in range(channels):
        for y in range(height):
            for x in range(-radius, width + radius):
                padded[x + radius] = image[c, y, reflect(x, width)]
            row = sums[y]
            row[:] = 0
            for k in range(2 * radius + 1):
                weight = weights[abs(k - radius)]
                for x in range(width):
                    row[x] += padded[x + k] * weight
            for x in range(width):  # 2^8 is cut off, so that the second pass stays within 32 bits
                row[x] = (row[x] + 128) >> 8
        for y in range(height):
            result[:] = 0
            for k in range(-radius, radius + 1):
                weight, row = weights[abs(k)], sums[reflect(y + k, height)]
                for x in range(width):
                    result[x] += row[x] * weight
            for x in range(width):
                image[c, y, x] = (result[x] + (1 << (2 * _BITS - 9))) >> (2 * _BITS - 8)
