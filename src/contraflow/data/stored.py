"""The pixels of some images of an FFCV file, where a kernel can read them."""

from collections.abc import Callable

import numpy as np

from contraflow.data.beton import Beton
from contraflow.data.jpeg import Decoder

Pixels = Callable[[np.ndarray, np.ndarray, int, int], None]  # storage, places, start, stop


def read(file: Beton, indices: np.ndarray, use: Pixels, start: int, stop: int) -> None:
    """Have a kernel `use` the pixels of a part of a batch: those stored raw where they lie, each JPEG decoded.

    Args:
        file: The open file.
        indices: Sample indices of the batch, (B,).
        use: Called with the bytes, the place in them of each image of the batch, and the part to work on.
        start, stop: The part of the batch.
    """
    places, jpeg = file.places[indices], file.jpeg[indices]
    if not jpeg[start:stop].any():
        use(file.storage, places, start, stop)
        return
    with Decoder() as decoder:
        for i in range(start, stop):
            storage = file.storage
            if jpeg[i]:
                storage = file.decode(int(indices[i]), decoder).reshape(-1)
                places[i, 0] = 0
            use(storage, places, i, i + 1)
