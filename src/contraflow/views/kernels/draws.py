"""Random numbers and what they decide.

A random number is a hash of (seed, epoch, sample index, view, slot). Each decision has a slot of its own: turning one
augmentation off leaves the others as they were, and nothing depends on which thread made what came before.
"""

from math import floor, sqrt

import numpy as np

from contraflow.compiling import part

CROP_ATTEMPTS = 10
_DEGREE = 3.141592653589793 / 180.0
# Slots: the first 2 * CROP_ATTEMPTS are the area and the ratio of each attempt at a crop.
TOP, LEFT, FLIP, ROTATION, JITTER, ORDER, BRIGHTNESS, CONTRAST, SATURATION, HUE, GREY, BLUR, SIGMA, SOLARISE = range(
    2 * CROP_ATTEMPTS, 2 * CROP_ATTEMPTS + 14
)

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


# What a view may look like: `contraflow.views.settings.ViewRecipe` as plain floats, meanings as there.
RECIPE = np.dtype(
    [(name, float) for name in ("area_low", "area_high", "log_ratio_low", "log_ratio_high", "sigma_low", "sigma_high")]
    + [(name, float) for name in ("flip", "rotation", "jitter", "brightness", "contrast", "saturation", "hue")]
    + [(name, float) for name in ("grey", "blur", "solarise")]
)
# The decisions for one view. Factors are torchvision's: 1 leaves an image as it is, for hue 0. `order` is a row of
# `colour.ORDERS`, `cos` and `sin` are those of the rotation.
DRAWN = np.dtype(
    [(name, int) for name in ("top", "left", "height", "width", "order")]
    + [(name, float) for name in ("rotation", "cos", "sin", "brightness", "contrast", "saturation", "hue", "sigma")]
    + [(name, bool) for name in ("flip", "jitter", "grey", "blur", "solarise")],
    align=True,
)


@part
def mix_bits(z):
    """The output function of SplitMix64 (Steele, Lea, Flood 2014): uint64 to uint64, one to one."""
    z = (z ^ (z >> _30)) * _MIX1
    z = (z ^ (z >> _27)) * _MIX2
    return z ^ (z >> _31)


@part
def view_key(seed, epoch, index, view):
    """The uint64 that all random numbers of one view derive from."""
    key = np.uint64(0)
    for number in (seed, epoch, index, view):
        key = mix_bits(key + _STEP + np.uint64(number))
    return key


@part
def uniform(key, slot, low, high):
    """Number in [low, high) of one slot: 53 bits of SplitMix64 output `slot` from `key`."""
    bits = mix_bits(key + _STEP * np.uint64(slot + 1)) >> _11
    return low + (high - low) * (np.float64(bits) * 2.0**-53)


@part
def exp(x):
    """e to the x for |x| < 100, within 1e-12 of the value: a power series, then ten squarings."""
    small = x / 1024.0
    term = total = 1.0
    for n in range(1, 12):
        term *= small / n
        total += term
    for _ in range(10):
        total *= total
    return total


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
def draw_crop(key, recipe, height, width):
    """Top, left, height, width of a crop, by the rule of torchvision's RandomResizedCrop."""
    for attempt in range(CROP_ATTEMPTS):
        area = height * width * uniform(key, 2 * attempt, recipe.area_low, recipe.area_high)
        ratio = exp(uniform(key, 2 * attempt + 1, recipe.log_ratio_low, recipe.log_ratio_high))
        w = floor(sqrt(area * ratio) + 0.5)
        h = floor(sqrt(area / ratio) + 0.5)
        if 0 < w <= width and 0 < h <= height:
            top = int(uniform(key, TOP, 0.0, height - h + 1.0))
            left = int(uniform(key, LEFT, 0.0, width - w + 1.0))
            return top, left, h, w
    h, w = height, width
    if width < height * exp(recipe.log_ratio_low):
        h = max(1, min(height, floor(width / exp(recipe.log_ratio_low) + 0.5)))
    elif width > height * exp(recipe.log_ratio_high):
        w = max(1, min(width, floor(height * exp(recipe.log_ratio_high) + 0.5)))
    return (height - h) // 2, (width - w) // 2, h, w


@part
def factor(key, slot, strength):
    """Jitter factor, uniform in [max(0, 1 - strength), 1 + strength)."""
    return uniform(key, slot, max(0.0, 1.0 - strength), 1.0 + strength)


@part
def draw(seed, epoch, index, view, recipe, height, width, drawn):
    """All decisions for one view of an image of height x width pixels, into the record `drawn` (`DRAWN`)."""
    key = view_key(seed, epoch, index, view)
    drawn.top, drawn.left, drawn.height, drawn.width = draw_crop(key, recipe, height, width)
    drawn.flip = uniform(key, FLIP, 0.0, 1.0) < recipe.flip
    drawn.rotation = uniform(key, ROTATION, -recipe.rotation, recipe.rotation)
    drawn.cos, drawn.sin = cos_sin(drawn.rotation) if recipe.rotation > 0.0 else (1.0, 0.0)
    drawn.jitter = uniform(key, JITTER, 0.0, 1.0) < recipe.jitter
    drawn.order = int(uniform(key, ORDER, 0.0, 24.0))
    drawn.brightness = factor(key, BRIGHTNESS, recipe.brightness)
    drawn.contrast = factor(key, CONTRAST, recipe.contrast)
    drawn.saturation = factor(key, SATURATION, recipe.saturation)
    drawn.hue = uniform(key, HUE, -recipe.hue, recipe.hue)
    drawn.grey = uniform(key, GREY, 0.0, 1.0) < recipe.grey
    drawn.blur = uniform(key, BLUR, 0.0, 1.0) < recipe.blur
    drawn.sigma = uniform(key, SIGMA, recipe.sigma_low, recipe.sigma_high)
    drawn.solarise = uniform(key, SOLARISE, 0.0, 1.0) < recipe.solarise
