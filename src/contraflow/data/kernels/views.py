"""The compiled functions that Python calls: whole views, and images as they are stored."""

import numpy as np

from contraflow.data.compiling import kernel, part
from contraflow.data.kernels.blur import blur, blur_radius
from contraflow.data.kernels.colour import jitter, solarise, to_grey
from contraflow.data.kernels.draws import draw
from contraflow.data.kernels.geometry import crop, rotate


@part
def normalise(image, table, out):
    """Look every grey level of `image` up in `table` (channels, 256)."""
    channels, height, width = image.shape
    for c in range(channels):
        levels = table[c]
        for y in range(height):
            for x in range(width):
                out[c, y, x] = levels[image[c, y, x]]


@kernel
def fill_views(storage, pointers, indices, start, stop, seed, epoch, recipe, table, out):
    """Make the views of samples `indices[start:stop]`: crop, mirror, rotation, jitter, grey, blur, solarise, normalise.

    Args:
        storage: the whole file, uint8.
        pointers: (all samples,) where each sample's pixels (rows, columns, channels) begin, int64.
        indices: (samples of the batch,) int64, each a sample of the file.
        start, stop: the part of the batch to make.
        seed, epoch: whole numbers from 0.
        recipe: `Recipe`.
        table: (channels, 256) float32, what each grey level becomes.
        out: (views, samples of the batch, channels, height, width) float32.
    """
    views, _, channels, height, width = out.shape
    side = max(height, width)
    image, other = np.empty((channels, height, width), np.uint8), np.empty((channels, height, width), np.uint8)
    taps, weights = np.empty((2, side), np.int64), np.empty((2, side), np.int32)
    radius = blur_radius(recipe.sigma_high) if recipe.blur > 0.0 else 0
    bell, padded = np.empty(radius + 1, np.int32), np.empty(width + 2 * radius, np.int32)
    sums = np.empty((height + 1, width), np.int32)
    for i in range(start, stop):
        for view in range(views):
            drawn = draw(seed, epoch, indices[i], view, recipe, height, width)
            crop(storage, pointers[indices[i]], drawn, image, other, taps, weights)
            if recipe.rotation > 0.0:
                rotate(image, drawn.rotation, other)
                image, other = other, image
            flat = image.reshape(channels, height * width)
            if drawn.jitter:
                jitter(flat, recipe, drawn)
            if drawn.grey and channels == 3:
                to_grey(flat)
            if drawn.blur:
                blur(image, drawn.sigma, bell, padded, sums)
            if drawn.solarise:
                solarise(flat)
            normalise(image, table, out[view, i])


@kernel
def fill_images(storage, pointers, indices, start, stop, table, out):
    """Samples `indices[start:stop]` as they are, normalised, into `out` (samples, channels, height, width); arguments
    as in `fill_views`."""
    _, channels, height, width = out.shape
    for i in range(start, stop):
        pixel = pointers[indices[i]]
        for y in range(height):
            for x in range(width):
                for c in range(channels):
                    out[i, c, y, x] = table[c, storage[pixel]]
                    pixel += 1
