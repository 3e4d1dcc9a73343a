"""The order of the samples in an epoch."""

import numpy as np

WINDOW = 2**32  # bytes of images that are shuffled among each other
BLOCK = 2**20  # bytes of neighbours that are read together, where there is more than a window


def epoch_order(
    indices: np.ndarray, sizes: np.ndarray, seed: int, epoch: int, *, window: int = WINDOW, block: int = BLOCK
) -> np.ndarray:
    """`indices` in the random order of one epoch: a function of the seed, the epoch and the file alone.

    What fits into a window is permuted. Of more, neighbours in the file form blocks, the blocks are permuted, and the
    images of as many blocks as fill a window among each other: a disk reads blocks, and memory need hold one window.

    Args:
        indices: Sample indices (N,), in the order of the file.
        sizes: Bytes that each takes there, (N,).
    """
    draw = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
    if sizes.sum() <= window:
        return draw.permutation(indices)
    blocks = _cut(np.arange(len(indices)), sizes, block)
    places = np.concatenate([blocks[i] for i in draw.permutation(len(blocks))])
    return indices[np.concatenate([draw.permutation(part) for part in _cut(places, sizes[places], window)])]


def _cut(places: np.ndarray, sizes: np.ndarray, most: int) -> list[np.ndarray]:
    """Parts of `places`, each beginning within another `most` bytes."""
    number = (np.cumsum(sizes) - sizes) // most
    return np.split(places, np.flatnonzero(np.diff(number)) + 1)
