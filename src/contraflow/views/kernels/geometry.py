"""Crop, mirror and rotation, with Pillow's bilinear resampling: across, then down.

Pillow 13.0 takes the other order for some sizes, which an image that shrinks may show by one grey level.
"""

from math import floor

import numpy as np

from contraflow.compiling import part
from contraflow.views.kernels.resampling import across, down, find_windows


@part
def crop(storage, pointer, stored_width, drawn, out, work):
    """Fill `out` with the drawn crop, resized and perhaps mirrored, of the stored image at `pointer` (rows of
    `stored_width` pixels, each of all channels). `work` is `resampling.Work`, made for such images."""
    channels, height, width = out.shape
    stride = stored_width * channels
    corner = pointer + drawn.top * stride + drawn.left * channels
    count = find_windows(0.0, drawn.width, drawn.width, width, drawn.flip, work)
    across(storage, corner, stride, drawn.height, width, count, work)
    count = find_windows(0.0, drawn.height, drawn.height, height, False, work)
    down(out, count, work)


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
    count = find_windows((stored_width - crop_width) * 0.5, crop_width, stored_width, width, False, work)
    across(storage, pointer, stored_width * channels, stored_height, width, count, work)
    count = find_windows((stored_height - crop_height) * 0.5, crop_height, stored_height, height, False, work)
    down(out, count, work)


@part
def rotate(source, drawn, out):
    """Turn `source` counter-clockwise about its centre into `out`, bilinear, black where nothing comes from inside."""
    channels, height, width = source.shape
    cos, sin = drawn.cos, drawn.sin
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
