"""Colour jitter, grey and solarise, with Pillow's arithmetic. Images are (channels, pixels) here."""

from itertools import permutations

import numpy as np

from contraflow.compiling import part

# The orders in which brightness (0), contrast (1), saturation (2) and hue (3) may come.
ORDERS = np.array(list(permutations(range(4))))
_ZERO, _HALF_LEVEL, _ONE, _SIX, _FULL = (np.float32(x) for x in (0, 0.5, 1, 6, 255))


@part
def blend(a, b, alpha):
    """Pillow's `Image.blend` of two grey levels: a + alpha (b - a) in single precision, cut to 0..255 and truncated."""
    start = np.float32(a)
    value = start + alpha * (np.float32(b) - start)
    return np.uint8(min(max(value, np.float32(0.0)), np.float32(255.0)))


@part
def luma(red, green, blue):
    """Grey level of a colour (ITU-R 601-2), in Pillow's fixed point."""
    value = np.int32(np.int32(red) * np.int32(19595) + np.int32(green) * np.int32(38470))
    return np.uint8(np.int32(value + np.int32(blue) * np.int32(7471) + np.int32(0x8000)) >> np.int32(16))


@part
def mean_level(image):
    """Mean grey level, rounded."""
    total = np.int64(0)
    for i in range(image.shape[1]):
        total += image[0, i] if image.shape[0] == 1 else luma(image[0, i], image[1, i], image[2, i])
    return np.uint8(total / image.shape[1] + 0.5)


@part
def blend_with_level(image, level, alpha):
    """Away from (or, alpha < 1, towards) one grey level: brightness with level 0, contrast with the mean level."""
    for c in range(image.shape[0]):
        plane = image[c]
        for i in range(plane.size):
            plane[i] = blend(level, plane[i], alpha)


@part
def saturate(image, alpha):
    """Away from (or, alpha < 1, towards) the grey level of each pixel."""
    red, green, blue = image[0], image[1], image[2]
    for i in range(red.size):
        level = luma(red[i], green[i], blue[i])
        red[i] = blend(level, red[i], alpha)
        green[i] = blend(level, green[i], alpha)
        blue[i] = blend(level, blue[i], alpha)


@part
def turn_hue(image, turns):
    """Move the hue by `turns` of the colour circle, in Pillow's HSV of 8 bits each.

    Without branches, so that the compiler can use vectors; precisions are those that give Pillow's bytes for every
    colour.
    """
    shift = np.int32(turns * 255.0)
    red, green, blue = image[0], image[1], image[2]
    for i in range(red.size):
        r, g, b = np.float32(red[i]), np.float32(green[i]), np.float32(blue[i])
        high, low = max(r, g, b), min(r, g, b)
        spread = max(high - low, _ONE)
        part_r, part_g, part_b = (high - r) / spread, (high - g) / spread, (high - b) / spread
        angle = part_b - part_g if r == high else (2.0 + part_r - part_b if g == high else 4.0 + part_g - part_r)
        turned = np.float32(angle) / 6.0 + 1.0
        level = np.float32(turned - np.floor(turned)) * 255.0
        hue = np.float32((np.int32(level) + shift) & np.int32(255))
        saturation = np.floor((high - low) / max(high, _ONE) * _FULL) / _FULL
        sector = np.floor(hue * _SIX / _FULL)
        along = hue * _SIX / _FULL - sector
        p = np.floor(high * (_ONE - saturation) + _HALF_LEVEL)
        q = np.floor(high * (_ONE - saturation * along) + _HALF_LEVEL)
        t = np.floor(high * (_ONE - saturation * (_ONE - along)) + _HALF_LEVEL)
        sector = sector if sector < _SIX else _ZERO
        r = high if sector == 0 or sector == 5 else (q if sector == 1 else (t if sector == 4 else p))
        g = high if sector == 1 or sector == 2 else (t if sector == 0 else (q if sector == 3 else p))
        b = high if sector == 3 or sector == 4 else (t if sector == 2 else (q if sector == 5 else p))
        red[i], green[i], blue[i] = np.uint8(r), np.uint8(g), np.uint8(b)


@part
def jitter(image, recipe, drawn):
    """Brightness, contrast, saturation and hue in the drawn order; a strength of 0 leaves its step out."""
    colour = image.shape[0] == 3
    for step in ORDERS[drawn.order]:
        if step == 0 and recipe.brightness > 0.0:
            blend_with_level(image, np.uint8(0), np.float32(drawn.brightness))
        elif step == 1 and recipe.contrast > 0.0:
            blend_with_level(image, mean_level(image), np.float32(drawn.contrast))
        elif step == 2 and recipe.saturation > 0.0 and colour:
            saturate(image, np.float32(drawn.saturation))
        elif step == 3 and recipe.hue > 0.0 and colour:
            turn_hue(image, drawn.hue)


@part
def is_grey(image):
    """Whether all channels are equal everywhere."""
    for c in range(1, image.shape[0]):
        for i in range(image.shape[1]):
            if image[c, i] != image[0, i]:
                return False
    return True


@part
def to_grey(image):
    """Put every pixel's grey level into the first of three channels."""
    red, green, blue = image[0], image[1], image[2]
    for i in range(red.size):
        red[i] = luma(red[i], green[i], blue[i])


@part
def solarise(image):
    """Invert the grey levels of 128 and above."""
    for c in range(image.shape[0]):
        plane = image[c]
        for i in range(plane.size):
            plane[i] = plane[i] if plane[i] < 128 else 255 - plane[i]
