"""Some images of an FFCV file, for showing them; without torch, whose import takes seconds."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from contraflow.encoded.beton import open_beton
from contraflow.encoded.jpeg import Decoder


def read_images(beton: Path, indices: np.ndarray, size: int) -> np.ndarray:
    """The images at `indices`, in that order: uint8, (n, size, size, C), C of 1 or 3.

    Of an image of another size the shorter side is resized and the middle square taken.

    Raises:
        UserError: the file is missing or damaged.
        IndexError: an index lies outside of the file.
    """
    file = open_beton(beton)
    images = np.empty((len(indices), size, size, file.channels), np.uint8)
    with Decoder() as decoder:
        for image, index in zip(images, indices, strict=True):
            if file.jpeg[index]:
                pixels = file.decode(index, decoder)
            else:
                pixels = file.stored(index).reshape(*file.places[index, 1:], file.channels)
            if pixels.shape != image.shape:
                pixels = square(Image.fromarray(pixels[..., 0] if file.channels == 1 else pixels), size)
            image[:] = pixels.reshape(image.shape)
    return images


def square(image: Image.Image, size: int) -> np.ndarray:
    """The middle square of a picture, uint8: (size, size, 3) of RGB, (size, size) of one channel.

    The shorter side is resized to `size` pixels (antialiased bilinear) and the longer one cut evenly on both sides, so
    nothing is distorted. A grey picture in RGB has three equal channels.
    """
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR))
