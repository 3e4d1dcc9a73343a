"""The 6,763 Chinese characters of GB 2312 in four typefaces: thousands of classes with true look-alikes.

The pictures are drawn by the FreeType inside Pillow, in whole numbers and without shaping: the same files and the same
Pillow give the same pixels.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from contraflow.encoded.splits import Draw, generator
from contraflow.images.image_set import ImageSet, Split
from contraflow.images.sources import SOURCES

_EM = 7 / 8  # of the side; the rest is white
_TRAINED = 0.7  # share of the characters


def draw_glyphs(root: Path, size: int | None) -> ImageSet:
    """All characters in all typefaces, whose files lie in `root`: black on white, grey, `size` (else 32) pixels a side.

    Class is the character. A fixed draw of 70 % of them is for training, the others are for the test, so that no test
    class is among those trained on. Pictures are in the order of that draw, those of one character side by side: the
    first ones are a sample of the characters, each in all typefaces.
    """
    side, every = size or SOURCES["glyphs"].side, gb2312()
    drawn = [every[i] for i in generator(0, Draw.TEST).permutation(len(every))]
    typefaces = [_draw_all(drawn, root / file, side) for file in SOURCES["glyphs"].files]
    pixels = np.stack(typefaces, axis=1).reshape(-1, side, side, 1)
    labels = np.repeat(np.arange(len(drawn)), len(typefaces))
    first = round(_TRAINED * len(drawn)) * len(typefaces)
    return ImageSet(Split(pixels[:first], labels[:first]), Split(pixels[first:], labels[first:]), drawn)


def gb2312() -> list[str]:
    """The Chinese characters of GB 2312-1980 in its order: rows 16 to 87, of which row 55 ends early."""
    cells = (bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    return [character for cell in cells if (character := cell.decode("gb2312", errors="ignore"))]


def _draw_all(characters: list[str], file: Path, side: int) -> np.ndarray:
    """Each character in the middle of its picture, (N, side, side) uint8."""
    font = ImageFont.truetype(file, round(_EM * side), layout_engine=ImageFont.Layout.BASIC)
    pixels = np.empty((len(characters), side, side), np.uint8)
    for target, character in zip(pixels, characters, strict=True):
        picture = Image.new("L", (side, side), "white")
        ImageDraw.Draw(picture).text((side / 2, side / 2), character, "black", font, anchor="mm")
        target[:] = np.asarray(picture)
    return pixels
