"""Pillow's bilinear filter along one axis, widened where it shrinks (antialiased), in Pillow's fixed point."""

from math import ceil
from typing import NamedTuple

import numpy as np

from contraflow.compiling import part

BITS = 22  # of a weight's fraction
HALF = 1 << (BITS - 1)


class Work(NamedTuple):
    """Working memory of a thread, for views of one size.

    Attributes:
        rows: (channels, most rows of a stored image, width) uint8, an image that is resized across.
        taps, weights: (2, longest side) int64 and int32, both pixels of each output pixel where nothing shrinks.
        first, count: (longest side,) int64, the first and number of the pixels of each output pixel where it may.
        windows: (longest side, most pixels) int32, their weights.
        sums: (width,) int32.
    """

    rows: np.ndarray
    taps: np.ndarray
    weights: np.ndarray
    first: np.ndarray
    count: np.ndarray
    windows: np.ndarray
    sums: np.ndarray


@part
def make_work(channels, height, width, tallest, widest):
    """Memory for views of `height` x `width` pixels of stored images of up to `tallest` x `widest`."""
    side = max(height, width)
    most = 2 * ceil(max(tallest / height, widest / width, 1.0)) + 1
    return Work(
        np.empty((channels, max(tallest, height), width), np.uint8),
        np.empty((2, side), np.int64),
        np.empty((2, side), np.int32),
        np.empty(side, np.int64),
        np.empty(side, np.int64),
        np.empty((side, most), np.int32),
        np.empty(width, np.int32),
    )


@part
def find_windows(start, length, limit, size, mirror, work):
    """For each of `size` output pixels the pixels, of `limit`, that it is a mean of, where the `length` pixels from
    `start` on (a fraction may be) are resized; into `work.first`, `.count` and `.windows`."""
    scale = length / size
    wide = max(scale, 1.0)
    for i in range(size):
        centre = start + (i + 0.5) * scale
        low, high = max(int(centre - wide + 0.5), 0), min(int(centre + wide + 0.5), limit)
        total = 0.0
        for k in range(low, high):
            total += max(0.0, 1.0 - abs((k - centre + 0.5) / wide))
        x = size - 1 - i if mirror else i
        work.first[x], work.count[x] = low, high - low
        for k in range(low, high):
            weight = max(0.0, 1.0 - abs((k - centre + 0.5) / wide))
            work.windows[x, k - low] = int(0.5 + weight / total * (1 << BITS))


@part
def across(storage, corner, stride, height, width, work):
    """Resize `height` stored rows, `stride` bytes apart from `corner` on, to `width` pixels into `work.rows`."""
    channels = work.rows.shape[0]
    if channels == 3:
        red, green, blue = work.rows[0], work.rows[1], work.rows[2]
        for y in range(height):
            pixels = storage[corner + y * stride :]
            for x in range(width):
                window, at = work.windows[x], work.first[x] * 3
                r = g = b = np.int32(HALF)
                for k in range(work.count[x]):
                    r = np.int32(r + np.int32(pixels[at]) * window[k])
                    g = np.int32(g + np.int32(pixels[at + 1]) * window[k])
                    b = np.int32(b + np.int32(pixels[at + 2]) * window[k])
                    at += 3
                red[y, x], green[y, x], blue[y, x] = np.uint8(r >> BITS), np.uint8(g >> BITS), np.uint8(b >> BITS)
        return
    for c in range(channels):
        for y in range(height):
            pixels = storage[corner + y * stride + c :]
            for x in range(width):
                window, at = work.windows[x], work.first[x] * channels
                level = np.int32(HALF)
                for k in range(work.count[x]):
                    level = np.int32(level + np.int32(pixels[at]) * window[k])
                    at += channels
                work.rows[c, y, x] = np.uint8(level >> BITS)


@part
def down(out, work):
    """Resize `work.rows` to the height of `out`, which it fills."""
    channels, height, width = out.shape
    sums = work.sums
    for c in range(channels):
        for y in range(height):
            sums[:] = HALF
            for k in range(work.count[y]):
                row, weight = work.rows[c, work.first[y] + k], work.windows[y, k]
                for x in range(width):
                    sums[x] += row[x] * weight
            for x in range(width):
                out[c, y, x] = sums[x] >> BITS
