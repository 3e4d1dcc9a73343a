"""Crop, mirror and rotation, with Pillow's bilinear resampling: across, then down.

Pillow 13.0 takes the other order for some sizes, which an image that shrinks may show by one grey level.
"""

from math import floor

import numpy as np

from contraflow.compiling import part
from contraflow.views.kernels.resampling import BITS, HALF, across, down, find_windows

_DEGREE = 3.141592653589793 / 180.0


@part
def find_taps(length, size, stride, mirror, taps, weights):
    """For each of `size` output pixels the two source pixels, of `length` <= `size`, that it lies between (as offsets
    of `stride` a pixel), and their weights.

    The case of `find_windows` that most crops of small images are: Pillow's filter is no wider than two pixels.
    """
    scale = length / size
    for i in range(size):
        centre = (i + 0.5) * scale
        low = floor(centre - 0.5)
        first = 1.0 - abs(low - centre + 0.5) if low >= 0 else 0.0
        second = 1.0 - abs(low + 1 - centre + 0.5) if low + 1 < length else 0.0
        total = first + second
        x = size - 1 - i if mirror else i
        taps[0, x], taps[1, x] = max(low, 0) * stride, min(low + 1, length - 1) * stride
        weights[0, x] = int(0.5 + first / total * (1 << BITS))
        weights[1, x] = int(0.5 + second / total * (1 << BITS))


@part
def between(a, weight_a, b, weight_b):
    """Fixed-point mean of two grey levels; 32 bits are enough, and let the compiler use vectors."""
    left, right = np.int32(np.int32(a) * weight_a), np.int32(np.int32(b) * weight_b)
    return np.uint8(np.int32(left + right + HALF) >> np.int32(BITS))


@part
def crop(storage, pointer, stored_width, drawn, out, work):
    """Fill `out` with the drawn crop, resized and perhaps mirrored, of the stored image at `pointer` (rows of
    `stored_width` pixels, each of all channels). `work` is `resampling.Work`, made for such images."""
    channels, height, width = out.shape
    corner = pointer + (drawn.top * stored_width + drawn.left) * channels
    stride = stored_width * channels
    rows, taps, weights = work.rows, work.taps, work.weights
    first, second, weight_first, weight_second = taps[0], taps[1], weights[0], weights[1]
    if drawn.width <= width:
        find_taps(drawn.width, width, channels, drawn.flip, taps, weights)
        for y in range(drawn.height):
            for c in range(channels):
                pixels = storage[corner + y * stride + c :]
                row = rows[c, y]
                for x in range(width):
                    row[x] = between(pixels[first[x]], weight_first[x], pixels[second[x]], weight_second[x])
    else:
        find_windows(0.0, drawn.width, drawn.width, width, drawn.flip, work)
        across(storage, corner, stride, drawn.height, width, work)
    if drawn.height <= height:
        find_taps(drawn.height, height, 1, False, taps, weights)
        for c in range(channels):
            for y in range(height):
                above, below, row = rows[c, first[y]], rows[c, second[y]], out[c, y]
                weight_above, weight_below = weight_first[y], weight_second[y]
                for x in range(width):
                    row[x] = between(above[x], weight_above, below[x], weight_below)
    else:
        find_windows(0.0, drawn.height, drawn.height, height, False, work)
        down(out, work)


@part
def fit(storage, pointer, stored_height, stored_width, out, work):
    """Fill `out` with the middle of a stored image, as large as goes in: what Pillow's `ImageOps.fit` makes of it."""
    channels, height, width = out.shape
    ratio = width / height
    crop_height, crop_width = float(stored_height), float(stored_width)
    if crop_width / crop_height >= ratio:
        crop_width = ratio * crop_height
    else:
        crop_height = crop_width / ratio
    stride = stored_width * channels
    find_windows((stored_width - crop_width) * 0.5, crop_width, stored_width, width, False, work)
    across(storage, pointer, stride, stored_height, width, work)
    find_windows((stored_height - crop_height) * 0.5, crop_height, stored_height, height, False, work)
    down(out, work)


@part
def cos_sin(degrees):
    """Cosine and sine of an angle within 180 degrees either way: power series of a quarter of it, doubled twice."""
    x = degrees * _DEGREE / 4.0
    c, s = 1.0, x
    term = 1.0
    for n in range(1, 12):
        term *= -x * x / ((2 * n - 1) * (2 * n))
        c += term
        s += term * x / (2 * n + 1)
    for _ in range(2):
        c, s = c * c - s * s, 2.0 * c * s
    return c, s


@part
def rotate(source, degrees, out):
    """Turn `source` counter-clockwise about its centre into `out`, bilinear, black where nothing comes from inside."""
    channels, height, width = source.shape
    cos, sin = cos_sin(degrees)
    for y in range(height):
        for x in range(width):
            dx, dy = x + 0.5 - width / 2.0, y + 0.5 - height / 2.0
            from_x = cos * dx - sin * dy + width / 2.0
            from_y = sin * dx + cos * dy + height / 2.0
            if from_x < 0.0 or from_x >= width or from_y < 0.0 or from_y >= height:
                for c in range(channels):
                    out[c, y, x] = 0
                continue
            x0, y0 = floor(from_x - 0.5), floor(from_y - 0.5)
            right, down = from_x - 0.5 - x0, from_y - 0.5 - y0
            x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
            x0, y0 = max(x0, 0), max(y0, 0)
            for c in range(channels):
                a, b = float(source[c, y0, x0]), float(source[c, y1, x0])
                above = a + (source[c, y0, x1] - a) * right
                below = b + (source[c, y1, x1] - b) * right
                out[c, y, x] = np.uint8(above + (below - above) * down)
