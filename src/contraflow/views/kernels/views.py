"""The compiled functions that Python calls: whole views, and whole images."""

import numpy as np

from contraflow.compiling import kernel, part
from contraflow.views.kernels.blur import blur, blur_radius, blur_weights, reflections
from contraflow.views.kernels.colour import is_grey, jitter, solarise, to_grey
from contraflow.views.kernels.draws import DRAWN, draw, view_key
from contraflow.views.kernels.geometry import crop, fit, rotate
from contraflow.views.kernels.resampling import WorkingMemory, find_windows, make_work


@part
def normalise(image, table, out):
    """Look every grey level up in `table` (channels, 256); an image of one channel fills every channel of `out`."""
    channels, height, width = out.shape
    for c in range(channels):
        levels, plane = table[c], image[min(c, image.shape[0] - 1)]
        for y in range(height):
            for x in range(width):
                out[c, y, x] = levels[plane[y, x]]


@kernel
def fill_views(storage, places, indices, start, stop, seed, epoch, first, recipes, table, out):
    """Make the views of samples `start` to `stop` of a batch: crop, mirror, rotation, jitter, grey, blur, solarise,
    normalise.

    Args:
        storage: uint8, where the pixels lie.
        places: (samples of the batch, 3) int64: where in `storage` the pixels (rows, columns, channels) of each begin,
            its height and its width.
        indices: (samples of the batch,) int64, their numbers in the data set.
        start, stop: the part of the batch to make.
        seed, epoch: whole numbers from 0.
        first: the number of the first of these views.
        recipes: (views,) records (`draws.RECIPE`).
        table: (channels, 256), what each grey level becomes, of the type of `out`.
        out: (views, samples of the batch, channels, height, width).
    """
    views, _, channels, height, width = out.shape
    work = make_work(channels, height, width, places[start:stop])
    pixels = height * width
    image, other = np.empty(channels * pixels, np.uint8), np.empty(channels * pixels, np.uint8)
    radius = 0
    for recipe in recipes:
        if recipe.blur > 0.0:
            radius = max(radius, blur_radius(recipe.sigma_high))
    columns, rows = reflections(width, radius), reflections(height, radius)
    bell, padded = np.empty(radius + 1, np.int32), np.empty(width + 2 * radius, np.int32)
    sums = np.empty((height + 1, width), np.int32)
    drawn = np.empty(1, DRAWN)[0]
    for i in range(start, stop):
        pointer, stored_height, stored_width = places[i, 0], places[i, 1], places[i, 2]
        for view in range(views):
            recipe = recipes[view]
            draw(seed, epoch, indices[i], first + view, recipe, stored_height, stored_width, drawn)
            crop(storage, pointer, stored_width, drawn, image.reshape(channels, height, width), work)
            if recipe.rotation > 0.0:
                shape = (channels, height, width)
                rotate(image.reshape(shape), drawn, other.reshape(shape))
                image, other = other, image
            # Of a grey image one channel is enough: nothing that follows gives it colour.
            planes = 1 if is_grey(image.reshape(channels, pixels)) else channels
            if drawn.jitter:
                jitter(image[: planes * pixels].reshape(planes, pixels), recipe, drawn)
            if drawn.grey and planes == 3:
                to_grey(image.reshape(planes, pixels))
                planes = 1
            if drawn.blur:
                shape = (planes, height, width)
                blur(image[: planes * pixels].reshape(shape), drawn.sigma, bell, columns, rows, padded, sums)
            if drawn.solarise:
                solarise(image[: planes * pixels].reshape(planes, pixels))
            normalise(image[: planes * pixels].reshape(planes, height, width), table, out[view, i])


@kernel
def fill_draws(indices, seed, epoch, first, recipes, height, width, draws, bells):
    """What is drawn for all views of images of one size, where something else than these kernels makes them.

    Args:
        indices, seed, epoch, first, recipes: as in `fill_views`.
        height, width: of every image.
        draws: (views, samples) records (`draws.DRAWN`) to fill.
        bells: (views, samples, most radius + 1) int32, the weights of each blur (`blur.blur_weights`); zeros so far.
    """
    for view in range(len(recipes)):
        for i in range(len(indices)):
            drawn = draws[view, i]
            draw(seed, epoch, indices[i], first + view, recipes[view], height, width, drawn)
            if drawn.blur:
                blur_weights(drawn.sigma, bells[view, i])


@kernel
def fill_keys(indices, seed, epoch, first, keys):
    """What all random numbers of a view derive from, where they are drawn later: into `keys` (views, samples) uint64.

    Arguments are as in `fill_views`.
    """
    for view in range(len(keys)):
        for i in range(len(indices)):
            keys[view, i] = view_key(seed, epoch, indices[i], first + view)


@kernel
def fill_windows(starts, lengths, mirrored, first, windows):
    """Of which pixels those of drawn crops are means, along one axis, where something else makes the views.

    Args:
        starts, lengths: (views, samples) int64, the crops along this axis.
        mirrored: (views, samples) bool.
        first: (views, samples, size) int32 to fill, the first of the pixels of each output pixel.
        windows: (views, samples, most, size) int32, their weights; zeros so far.
    """
    views, samples, most, size = windows.shape
    none = np.empty((1, 1, 1), np.uint8), np.empty(size, np.int64), np.empty((most, size), np.int32)
    work = WorkingMemory(*none, np.empty(most, np.float64), np.empty(1, np.int32))
    for view in range(views):
        for i in range(samples):
            length = lengths[view, i]
            count = find_windows(0.0, length, length, size, mirrored[view, i], work)
            for x in range(size):
                first[view, i, x] = starts[view, i] + work.first[x]
                for k in range(count):
                    windows[view, i, k, x] = work.windows[k, x]


@kernel
def fill_images(storage, places, start, stop, table, out):
    """Images `start` to `stop` of a batch, normalised, into `out` (samples, channels, height, width).

    An image of another size than `out` is resized, and the middle of it taken; arguments as in `fill_views`.
    """
    _, channels, height, width = out.shape
    work = make_work(channels, height, width, places[start:stop])
    image = np.empty((channels, height, width), np.uint8)
    for i in range(start, stop):
        fit(storage, places[i, 0], places[i, 1], places[i, 2], image, work)
        normalise(image, table, out[i])
