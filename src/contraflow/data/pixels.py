"""Some images of an FFCV file, for showing them; without torch, whose import takes seconds."""

from pathlib import Path

import numpy as np
from PIL import Image

from contraflow.data.beton import open_beton
from contraflow.data.jpeg import Decoder
from contraflow.data.pictures import square


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
