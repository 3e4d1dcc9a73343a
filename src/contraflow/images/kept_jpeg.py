"""Pictures that stay JPEG: as raw pixels, large pictures would take ten times the room on disk and in memory."""

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from contraflow.encoded.jpeg import DamagedJpeg, Decoder

QUALITY = 95  # of what is encoded anew
FORMATS = ("JPEG", "MPO")  # as Pillow names them; an MPO holds several, of which the first is taken


@dataclass(frozen=True)
class Jpeg:
    """A JPEG file's bytes: grey or RGB of 8 bits, upright as any decoder gives it; and its size in pixels."""

    content: bytes
    height: int
    width: int


def keep_jpeg(path: Path, image: Image.Image, *, plain: bool, shortest: int) -> tuple[Jpeg, Image.Image]:
    """What is stored of a JPEG file whose picture is `image`, and its pixels.

    The file's own bytes, where they are `plain`, the shorter side has at most `shortest` pixels and the loader's
    decoder, which is stricter than Pillow, takes them without a warning; else the upright picture, reduced to that and
    encoded anew, whose pixels are those before encoding.
    """
    scale = shortest / min(image.size)
    if plain and scale >= 1:
        own = Jpeg(path.read_bytes(), image.height, image.width)
        with Decoder() as decoder, suppress(DamagedJpeg):
            decoder.decode(np.frombuffer(own.content, np.uint8), own.height, own.width)
            return own, image
    if scale < 1:
        image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BILINEAR)
    encoded = BytesIO()
    image.save(encoded, "JPEG", quality=QUALITY)
    return Jpeg(encoded.getvalue(), image.height, image.width), image
