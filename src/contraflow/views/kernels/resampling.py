"""Pillow's bilinear filter along one axis, widened where it shrinks (antialiased), in Pillow's fixed point."""

from math import ceil
from typing import NamedTuple

import numpy as np

from contraflow.compiling import part

BITS = 22  # of a weight's fraction
HALF = 1 << (BITS - 1)


class WorkingMemory(NamedTuple):
    """Working memory of a thread, for views of one size.

    Attributes:
        rows: (channels, most rows of a stored image, width) uint8, an image that is resized across.
        first: (longest side,) int64, the first of the pixels that each output pixel is a mean of.
        windows: (most pixels, longest side) int32, their weights; of one output pixel, in floats: `shares`.
        sums: (width,) int32.
    """

    rows: np.ndarray
    first: np.ndarray
    windows: np.ndarray
    shares: np.ndarray
    sums: np.ndarray


@part
def make_work(channels, height, width, places):
    """Memory for views of `height` x `width` pixels of the stored images at `places` (see `views.fill_views`)."""
    tallest = widest = 1
    for place in places:
        tallest, widest = max(tallest, place[1]), max(widest, place[2])
    side = max(height, width)
    most = 2 * ceil(max(tallest / height, widest / width, 1.0)) + 1
    return WorkingMemory(
        np.empty((channels, max(tallest, height), width), np.uint8),
        np.empty(side, np.int64),
        np.empty((most, side), np.int32),
        np.empty(most, np.float64),
        np.empty(width, np.int32),
    )


@part
def find_windows(start, length, limit, size, mirror, work):
    """For each of `size` output pixels the pixels, of `limit`, that it is a mean of, where the `length` pixels from
    `start` on (a fraction may be) are resized; into `work.first` and `.windows`. Returns how many pixels these are."""
    scale = length / size
    wide = max(scale, 1.0)
    count = min(ceil(2.0 * wide), limit)
    for i in range(size):
        centre = start + (i + 0.5) * scale
        low = min(max(int(centre - wide + 0.5), 0), limit - count)
        total = 0.0
        for k in range(count):
            work.shares[k] = max(0.0, 1.0 - abs((low + k - centre + 0.5) / wide))
            total += work.shares[k]
        x = size - 1 - i if mirror else i
        work.first[x] = low
        for k in range(count):
            work.windows[k, x] = int(0.5 + work.shares[k] / total * (1 << BITS))
    return count


@part
def across(storage, corner, stride, height, width, count, work):
    """Resize `height` stored rows, `stride` bytes apart from `corner` on, to `width` pixels into `work.rows`."""
    channels = work.rows.shape[0]
    first, sums = work.first, work.sums
    for y in range(height):
        for c in range(channels):
            pixels, row = storage[corner + y * stride + c :], work.rows[c, y]
            sums[:] = HALF
            for k in range(count):
                weight = work.windows[k]
                for x in range(width):
                    sums[x] += pixels[(first[x] + k) * channels] * weight[x]
            for x in range(width):
                row[x] = sums[x] >> BITS


@part
def down(out, count, work):
    """Resize `work.rows` to the height of `out`, which it fills."""
    channels, height, width = out.shape
    sums = work.sums
    for c in range(channels):
        for y in range(height):
            sums[:] = HALF
            for k in range(count):
                row, weight = work.rows[c, work.first[y] + k], work.windows[k, y]
                for x in range(width):
                    sums[x] += row[x] * weight
            for x in range(width):
                out[c, y, x] = sums[x] >> BITS
