"""Small pictures inside the page: images as data URIs."""

import base64
import io
import math

import numpy as np
from PIL import Image, ImageColor

from contraflow.pages.palette import COLOURS

LARGEST = 64  # pixels a side; larger images are scaled down, so that a page stays small
PALE, COVER = 0.7, 0.8  # of a lit image: how dark its pixels are, and how much of what is lit most is covered
FOR, AGAINST = (ImageColor.getrgb(COLOURS[number]) for number in (6, 0))


def thumbnail(image: np.ndarray, largest: int = LARGEST) -> Image.Image:
    """An image uint8 (H, W, C), C of 1 or 3, at its own size or with its longer side scaled down to `largest`."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    return picture


def data_uri(picture: Image.Image) -> str:
    """A picture as `data:image/png;base64,...`."""
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    return encoded(buffer, "png")


def encoded(buffer: io.BytesIO, kind: str) -> str:
    """The content of a picture file of a kind as `data:image/kind;base64,...`."""
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def picture(image: np.ndarray, largest: int = LARGEST) -> dict:
    """What the template shows of one image (H, W, C): `uri` and `width`."""
    small = thumbnail(image, largest)
    return {"uri": data_uri(small), "width": small.width}


def lit(image: np.ndarray, given: np.ndarray, most: float, largest: int = LARGEST) -> dict:
    """An image (H, W, C) in pale grey, lit where it gives something: `uri` and `width`.

    Args:
        given: What each place of the image gives (h, w): lit in one colour above 0, in another below.
        most: What is lit most.
    """
    small = thumbnail(image, largest).convert("L")
    map_ = Image.fromarray(given.astype(np.float32)).resize(small.size, Image.Resampling.BILINEAR)
    strength = np.clip(np.asarray(map_, np.float64) / (most or 1), -1, 1)[..., None]
    grey = np.repeat(255 - (255 - np.asarray(small, np.float64)) * PALE, 3).reshape(*strength.shape[:2], 3)
    light = np.where(strength > 0, FOR, AGAINST)
    share = np.abs(strength) * COVER
    return picture(np.rint(grey * (1 - share) + light * share).astype(np.uint8), largest)


def sheet(images: np.ndarray) -> dict:
    """Very many small images (n, H, W, C) edge to edge as one picture: `uri`, `columns`, `rows`, and `side` of each.

    A lossy WebP: it takes a third of a PNG's bytes, and each image is looked at alone and for a moment.
    """
    n, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    tiles = np.zeros((rows * columns, height, width, channels), np.uint8)
    tiles[:n] = images
    whole = tiles.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    whole = whole.reshape(rows * height, columns * width, channels)
    buffer = io.BytesIO()
    Image.fromarray(whole[..., 0] if channels == 1 else whole).convert("RGB").save(buffer, "webp", quality=80)
    return {"uri": encoded(buffer, "webp"), "columns": columns, "rows": rows, "side": width}


def sprite(images: np.ndarray) -> dict:
    """Images (n, H, W, C) side by side with transparent gaps as one picture: `uri`, `width` and `count`."""
    small = [thumbnail(image) for image in images]
    width, height = small[0].size
    gap = max(1, width // 14)
    mode = "LA" if small[0].mode == "L" else "RGBA"
    sheet = Image.new(mode, ((width + gap) * len(small) - gap, height))
    for position, tile in enumerate(small):
        sheet.paste(tile.convert(mode), (position * (width + gap), 0))
    return {"uri": data_uri(sheet), "width": sheet.width, "count": len(small)}
