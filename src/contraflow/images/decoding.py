"""One picture file of any common kind, as a person sees it."""

import errno
import os
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Files of which Pillow knows the format and not the pixels, or not without another program.
_NO_PIXELS = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"}
_DEEPEST = 65535  # the largest value of 16 bits
_ORIENTATION = 0x0112  # EXIF


class BrokenPicture(Exception):
    """A file that cannot be decoded whole; the message is a short reason."""


def open_picture(path: Path) -> tuple[Image.Image, str, bool]:
    """Decode a file to RGB of 8 bits: upright, and on white where it is transparent.

    Of an animation the first picture is taken, of 16 bits a channel the upper 8.

    Returns:
        The picture, Pillow's name of its format, and whether any decoder of that format gives the same picture: the
        file says nothing of turning it, of other colours or of transparency.

    Raises:
        BrokenPicture: the file is empty, cut short, no picture, or cannot be opened.
    """
    try:
        with Image.open(path) as image:
            image.load()
            plain = image.mode in ("L", "RGB") and image.getexif().get(_ORIENTATION, 1) == 1
            return _on_white(_eight_bits(ImageOps.exif_transpose(image))), image.format, plain
    except BrokenPicture:
        raise
    except Exception as error:  # each of Pillow's decoders raises its own kinds for a damaged file
        raise BrokenPicture(_reason(path, error)) from error


def is_picture(name: str) -> bool:
    """Whether a file name has an ending of the pictures that Pillow reads."""
    return os.path.splitext(name)[1].lower() in _endings()


@cache
def _endings() -> frozenset[str]:
    known = Image.registered_extensions().items()
    read = (ending for ending, kind in known if kind in Image.OPEN and kind not in _NO_PIXELS)
    return frozenset([*read, ".mpo"])  # which Pillow opens as a JPEG


def is_grey(pixels: np.ndarray) -> bool:
    """Whether the three channels (last axis) are equal everywhere."""
    return bool((pixels[..., :1] == pixels).all())


def _eight_bits(image: Image.Image) -> Image.Image:
    # Pillow's own conversion cuts values above 255 off instead of scaling them.
    if image.mode != "I" and not image.mode.startswith("I;16"):
        if image.mode == "F":
            raise BrokenPicture("pixels are floating-point numbers, whose range is not known")
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > _DEEPEST:
        raise BrokenPicture("pixels have 32 bits, whose range is not known")
    return Image.fromarray(((values * 255 + _DEEPEST // 2) // _DEEPEST).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno == errno.ENOENT:
            return "broken link" if path.is_symlink() else "missing"
        return str(error.strerror).lower()
    if path.stat().st_size == 0:
        return "empty"
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if "truncated" in str(error).lower():
        return "truncated"
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    return "damaged"
