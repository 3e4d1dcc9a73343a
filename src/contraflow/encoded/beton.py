"""An FFCV file of images and their labels, checked and mapped into memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contraflow.encoded.jpeg import DamagedJpeg, Decoder
from contraflow.encoded.layout import JPEG, RAW, Layout, read_layout
from contraflow.foundations.errors import UserError

Pixels = Callable[[np.ndarray, np.ndarray, int, int], None]  # storage, places, start, stop
_LARGEST = 65535  # pixels a side; FFCV's metadata hold no more


@dataclass(frozen=True)
class Beton:
    """An open file.

    Attributes:
        path: where it lies.
        storage: the whole file, uint8, read-only, mapped into memory.
        places: (N, 3) int64: where in `storage` each image begins, its height and its width in pixels.
        bytes: (N,) int64, how many each image takes there.
        jpeg: (N,) bool, whether an image is stored as JPEG; else its pixels lie there, rows, columns, channels.
        channels: of every image, 1 or 3.
        labels: (N,) int64, -1 where there is none.
    """

    path: Path
    storage: np.ndarray
    places: np.ndarray
    bytes: np.ndarray
    jpeg: np.ndarray
    channels: int
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width, where all images have the same."""
        sizes = self.places[:, 1:]
        return (int(sizes[0, 0]), int(sizes[0, 1])) if (sizes == sizes[0]).all() else None

    def stored(self, index: int) -> np.ndarray:
        """The bytes of one image as they lie in the file."""
        start = self.places[index, 0]
        return self.storage[start : start + self.bytes[index]]

    def decode(self, index: int, decoder: Decoder) -> np.ndarray:
        """Pixels (H, W, 3) of an image that is stored as JPEG, which the next call with `decoder` overwrites.

        Raises:
            UserError: it is damaged.
        """
        _, height, width = self.places[index]
        try:
            return decoder.decode(self.stored(index), int(height), int(width))
        except DamagedJpeg as error:
            raise UserError(
                f"{self.path}: image {index} is damaged ({error}): delete the file and run the step encode again"
            ) from error

    def use_pixels(self, indices: np.ndarray, use: Pixels, start: int, stop: int) -> None:
        """Have a kernel `use` the pixels of a part of a batch: those stored raw where they lie, each JPEG decoded.

        Args:
            indices: Sample indices of the batch, (B,).
            use: Called with the bytes, the place in them of each image of the batch, and the part to work on.
            start, stop: The part of the batch.
        """
        places, jpeg = self.places[indices], self.jpeg[indices]
        if not jpeg[start:stop].any():
            use(self.storage, places, start, stop)
            return
        with Decoder() as decoder:
            for i in range(start, stop):
                storage = self.storage
                if jpeg[i]:
                    storage = self.decode(int(indices[i]), decoder).reshape(-1)
                    places[i, 0] = 0
                use(storage, places, i, i + 1)


def open_beton(path: Path) -> Beton:
    """Open a file with the fields `image` (colour: RGBImageField, raw or JPEG; one channel: NDArrayField of uint8,
    (H, W, 1)) and `label` (IntField).

    Raises:
        UserError: the file is missing, cut short or damaged, or holds other fields.
    """
    try:
        return _beton(path, read_layout(path))
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the step encode first") from None
    except PermissionError:
        raise UserError(f"{path} may not be read: change its permissions") from None
    except Exception as error:  # whatever numpy makes of bytes that mean nothing
        raise UserError(
            f"{path} is cut short, damaged or not an FFCV file: delete it and run the step encode again"
        ) from error


def _beton(path: Path, layout: Layout) -> Beton:
    kinds = {field.name: field.kind for field in layout.fields}
    if list(kinds) != ["image", "label"] or kinds["label"] != "IntField":
        found = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        raise UserError(f"{path}: the fields must be image and label (IntField), found {found}")
    places, jpeg, channels = _places(path, layout)
    size = layout.sizes().astype(np.int64)
    raw = places[:, 1] * places[:, 2] * channels
    if layout.samples == 0 or (raw == 0).any() or places[:, 1:].max() > _LARGEST or (size[~jpeg] != raw[~jpeg]).any():
        raise ValueError("there are no images, or they are not as large as their metadata say")
    if places[:, 0].min() < 0 or size.min() < 0 or (places[:, 0] > len(layout.storage) - size).any():
        raise ValueError("an image lies outside of the file")
    return Beton(path, layout.storage, places, size, jpeg, channels, layout.metadata()[1].astype(np.int64))


def _places(path: Path, layout: Layout) -> tuple[np.ndarray, np.ndarray, int]:
    """Where the images lie and how large they are, which are JPEG, and their channels."""
    image = layout.fields[0]
    if image.kind == "RGBImageField":
        metadata = layout.metadata()[0]
        places = np.stack([metadata[name].astype(np.int64) for name in ("pointer", "height", "width")], axis=1)
        if not np.isin(metadata["mode"], (JPEG, RAW)).all():
            raise ValueError("an image is neither raw nor JPEG")
        return places, metadata["mode"] == JPEG, 3
    if image.kind == "NDArrayField":
        kind, shape = image.array()
        if kind == "|u1" and len(shape) == 3 and shape[2] == 1:
            pointers = layout.metadata()[0].astype(np.int64)
            places = np.stack([pointers, *(np.full_like(pointers, side) for side in shape[:2])], axis=1)
            return places, np.zeros(len(places), bool), 1
    raise UserError(
        f"{path}: the field image must be an RGBImageField or an NDArrayField of uint8 (height, width, 1), "
        f"found {image.kind}"
    )
