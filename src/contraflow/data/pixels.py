"""Some images of an FFCV file as they are stored, for showing them."""

from pathlib import Path

import numpy as np

from contraflow.data.beton import open_beton


def read_images(beton: Path, indices: np.ndarray) -> np.ndarray:
    """The images at `indices`, in that order: uint8, (n, H, W, C), C of 1 or 3.

    Raises:
        UserError: the file is missing or damaged.
        IndexError: an index lies outside of the file.
    """
    file = open_beton(beton)
    size = int(np.prod(file.shape))
    images = np.empty((len(indices), *file.shape), np.uint8)
    for image, pointer in zip(images, file.pointers[indices], strict=True):
        image[:] = file.storage[pointer : pointer + size].reshape(file.shape)
    return images
