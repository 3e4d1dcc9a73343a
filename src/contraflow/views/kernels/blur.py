"""Gaussian blur in whole numbers: at most one grey level from torchvision's, which is in floats."""

from math import floor

import numpy as np

from contraflow.compiling import part
from contraflow.views.kernels.draws import exp

BITS = 14  # of a weight's fraction


@part
def blur_radius(sigma):
    """Pixels either side that a blur takes in: three standard deviations."""
    return floor(3.0 * sigma) + 1


@part
def blur_weights(sigma, weights):
    """Gaussian weights for offsets 0, 1, ... as whole numbers that sum, over both sides, to 1 << BITS."""
    radius = blur_radius(sigma)
    total = 1.0
    for k in range(1, radius + 1):
        total += 2.0 * exp(max(-60.0, -0.5 * k * k / (sigma * sigma)))
    weights[0] = 1 << BITS
    for k in range(1, radius + 1):
        weights[k] = int((1 << BITS) * exp(max(-60.0, -0.5 * k * k / (sigma * sigma))) / total + 0.5)
        weights[0] -= 2 * weights[k]
    return radius


@part
def reflections(length, radius):
    """The pixels that stand for -radius to length + radius - 1 of 0..length-1, mirrored at the middle of the border."""
    period = max(2 * (length - 1), 1)
    pixels = np.empty(length + 2 * radius, np.int64)
    for i in range(len(pixels)):
        place = abs(i - radius) % period
        pixels[i] = min(place, period - place) if length > 1 else 0
    return pixels


@part
def blur(image, sigma, weights, columns, rows, padded, sums):
    """Gaussian blur of (channels, height, width), borders mirrored.

    `columns` and `rows` are `reflections` of width and height by some radius; `weights` (that radius + 1), `padded`
    (width + 2 radius) and `sums` (height + 1, width), all int32, are working memory.
    """
    channels, height, width = image.shape
    radius = blur_weights(sigma, weights)
    middle = (len(columns) - width) // 2  # where pixel 0 is in `columns`, `rows` and `padded`
    result = sums[height]
    for c in range(channels):
        for y in range(height):
            pixels, row = image[c, y], sums[y]
            for x in range(-radius, width + radius):
                padded[middle + x] = pixels[columns[middle + x]]
            for x in range(width):
                row[x] = padded[middle + x] * weights[0]
            for k in range(1, radius + 1):
                weight, left, right = weights[k], padded[middle - k :], padded[middle + k :]
                for x in range(width):
                    row[x] += (left[x] + right[x]) * weight
            for x in range(width):  # 2^8 is cut off, so that the second pass stays within 32 bits
                row[x] = (row[x] + 128) >> 8
        for y in range(height):
            row = sums[y]
            for x in range(width):
                result[x] = row[x] * weights[0]
            for k in range(1, radius + 1):
                weight, above, below = weights[k], sums[rows[middle + y - k]], sums[rows[middle + y + k]]
                for x in range(width):
                    result[x] += (above[x] + below[x]) * weight
            for x in range(width):
                image[c, y, x] = (result[x] + (1 << (2 * BITS - 9))) >> (2 * BITS - 8)
