"""Images that are equal pixel by pixel: copies within the training images, and test images among them."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

MOST_LISTED = 50  # pairs in the data card; what there is beyond them is counted
_DIGEST = "S32"


def pixel_digest(pixels: np.ndarray) -> bytes:
    """SHA-256 of an image (H, W, C) uint8: of its shape and of its pixels."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels))
    return digest.digest()


def as_digests(digests: Iterable[bytes], n: int) -> np.ndarray:
    """Digests of n images as one array (n,), 32 bytes an image."""
    return np.fromiter(digests, _DIGEST, n)


def copies(digests: np.ndarray, names: Sequence[str | int]) -> dict:
    """Images that equal an earlier one of the same (N,) digests; see `leaks` for what is returned."""
    _, first, place = np.unique(digests, return_index=True, return_inverse=True)
    earliest = first[place]
    return _repeats(np.flatnonzero(earliest != np.arange(len(digests))), earliest, names, names)


def leaks(
    test: np.ndarray, train: np.ndarray, test_names: Sequence[str | int], train_names: Sequence[str | int]
) -> dict:
    """Test images that equal a training image, by their digests (N,) and (M,).

    Returns:
        `images`, how many there are, and `listed`: of the first `MOST_LISTED` the name beside that of the earliest
        training image that equals it.
    """
    known, first = np.unique(train, return_index=True)
    place = np.minimum(np.searchsorted(known, test), len(known) - 1)
    return _repeats(np.flatnonzero(known[place] == test), first[place], test_names, train_names)


def _repeats(found: np.ndarray, equal_to: np.ndarray, names: Sequence[str | int], others: Sequence[str | int]) -> dict:
    listed = [[names[i], others[equal_to[i]]] for i in found[:MOST_LISTED].tolist()]
    return {"images": len(found), "listed": listed}
