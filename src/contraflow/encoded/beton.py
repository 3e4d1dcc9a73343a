"""An FFCV file of images and their labels (`.beton`, version 2), checked and mapped into memory.

Header, one description a field, one row of metadata a sample, pages of data, and one allocation a piece of data. It is
read with NumPy alone: importing ffcv takes seconds, and torch. FFCV's own `Reader` finds the same; FFCV stays the
writer.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contraflow.encoded.jpeg import DamagedJpeg, Decoder
from contraflow.foundations.errors import UserError

Pixels = Callable[[np.ndarray, np.ndarray, int, int], None]  # storage, places, start, stop
VERSION = 2
KINDS = ("FloatField", "IntField", "RGBImageField", "BytesField", "NDArrayField", "JSONField", "TorchTensorField")
_LARGEST = 65535  # pixels a side; FFCV's metadata hold no more
_JPEG, _RAW = 0, 1  # `mode` of an image: stored as a JPEG file, or its pixels as they are

_HEADER = np.dtype(
    [("version", "<u2"), ("fields", "<u2"), ("page", "<u4"), ("samples", "<u8"), ("allocations", "<u8")], align=True
)
_FIELD = np.dtype([("kind", "<u1"), ("name", "<u1", 16), ("arguments", "<u1", 1024)], align=True)
_ALLOCATION = np.dtype([("sample", "<u8"), ("pointer", "<u8"), ("size", "<u8")])
_ARRAY = np.dtype([("shape", "<u8", 32), ("type_length", "<u8")])  # arguments of an NDArrayField; then its type as JSON
_COLOUR = np.dtype([("mode", "<u1"), ("width", "<u2"), ("height", "<u2"), ("pointer", "<u8")])  # an image in colour
_GREY = np.dtype([("pointer", "<u8")])  # a grey one


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
        return _read(path)
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


def _read(path: Path) -> Beton:
    storage = np.asarray(np.memmap(path, np.uint8, mode="r"))
    header = np.frombuffer(storage, _HEADER, 1)[0]
    if header["version"] != VERSION:
        raise ValueError(f"version {VERSION} expected, got {header['version']}")
    fields = np.frombuffer(storage, _FIELD, int(header["fields"]), _HEADER.itemsize)
    kinds = {field["name"].tobytes().rstrip(b"\0").decode("ascii"): KINDS[field["kind"]] for field in fields}
    if list(kinds) != ["image", "label"] or kinds["label"] != "IntField":
        found = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        raise UserError(f"{path}: the fields must be image and label (IntField), found {found}")
    sides = _sides(path, kinds["image"], fields["arguments"][0])
    row = np.dtype([("image", _GREY if sides else _COLOUR), ("label", "<i8")], align=True)
    samples = int(header["samples"])
    metadata = np.frombuffer(storage, row, samples, _HEADER.itemsize + fields.nbytes)
    image, labels = metadata["image"], metadata["label"].astype(np.int64)
    begins, (heights, widths) = image["pointer"].astype(np.int64), sides or (image["height"], image["width"])
    places = np.stack(np.broadcast_arrays(begins, heights, widths), axis=1)
    channels, jpeg = (1, np.zeros(samples, bool)) if sides else (3, image["mode"] == _JPEG)
    if channels == 3 and not np.isin(image["mode"], (_JPEG, _RAW)).all():
        raise ValueError("an image is neither raw nor JPEG")
    pieces = np.frombuffer(storage, _ALLOCATION, samples, int(header["allocations"]))
    size = pieces["size"][np.argsort(pieces["sample"], kind="stable")].astype(np.int64)
    raw = places[:, 1] * places[:, 2] * channels
    if samples == 0 or (raw == 0).any() or places[:, 1:].max() > _LARGEST or (size[~jpeg] != raw[~jpeg]).any():
        raise ValueError("there are no images, or they are not as large as their metadata say")
    if places[:, 0].min() < 0 or size.min() < 0 or (places[:, 0] > len(storage) - size).any():
        raise ValueError("an image lies outside of the file")
    return Beton(path, storage, places, size, jpeg, channels, labels)


def _sides(path: Path, kind: str, arguments: np.ndarray) -> tuple[int, int] | None:
    """Height and width of all images where they have one channel, None where they have three.

    Args:
        kind, arguments: of the field `image`.
    """
    if kind == "RGBImageField":
        return None
    if kind == "NDArrayField":
        array = np.frombuffer(arguments, _ARRAY, 1)[0]
        described = json.loads(arguments[_ARRAY.itemsize :][: int(array["type_length"])].tobytes())
        shape = tuple(int(side) for side in array["shape"] if side)
        if described[0][1] == "|u1" and len(shape) == 3 and shape[2] == 1:
            return shape[:2]
    raise UserError(
        f"{path}: the field image must be an RGBImageField or an NDArrayField of uint8 (height, width, 1), found {kind}"
    )
