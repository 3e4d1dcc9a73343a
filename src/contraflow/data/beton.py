"""An FFCV file of equally large images and their labels, checked and mapped into memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contraflow.data.ffcv_import import IMAGE_MODES, IntField, NDArrayField, Reader, RGBImageField
from contraflow.errors import UserError


@dataclass(frozen=True)
class Beton:
    """An open file.

    Attributes:
        storage: the whole file, uint8, read-only, mapped into memory.
        pointers: (N,) int64, where the pixels of each image begin in `storage`.
        shape: height, width, channels of every image; its pixels lie in this order.
        labels: (N,) int64, -1 where there is none.
    """

    storage: np.ndarray
    pointers: np.ndarray
    shape: tuple[int, int, int]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.pointers)


def _damaged(path: Path) -> UserError:
    return UserError(f"{path} is cut short, damaged or not an FFCV file: delete it and run the step encode again")


def _read(path: Path) -> Reader:
    """Let FFCV take the file apart, and see that all of it is there."""
    try:
        reader = Reader(str(path))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the step encode first") from None
    except PermissionError:
        raise UserError(f"{path} may not be read: change its permissions") from None
    except Exception as error:  # whatever numpy and FFCV make of bytes that mean nothing
        raise _damaged(path) from error
    samples = int(reader.num_samples)
    if samples == 0 or len(reader.metadata) != samples or len(reader.alloc_table) < samples:
        raise _damaged(path)
    return reader


def _pixels(path: Path, field: object, metadata: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Pointers and common shape of the images."""
    if type(field) is NDArrayField and field.dtype == np.uint8 and len(field.shape) == 3 and field.shape[2] == 1:
        return metadata, tuple(int(side) for side in field.shape)
    if type(field) is RGBImageField:
        if (metadata["mode"] != IMAGE_MODES["raw"]).any():
            raise UserError(f"{path}: the images must be stored raw (write_mode='raw'), found JPEG")
        sizes = np.unique(np.stack([metadata["height"], metadata["width"]]), axis=1)
        if sizes.shape[1] != 1:
            raise UserError(f"{path}: the images must all have the same size, found {sizes.shape[1]} sizes")
        return metadata["data_ptr"], (int(sizes[0, 0]), int(sizes[1, 0]), 3)
    raise UserError(
        f"{path}: the field image must be an RGBImageField or an NDArrayField of uint8 (height, width, 1), "
        f"found {type(field).__name__}"
    )


def open_beton(path: Path) -> Beton:
    """Open a file with the fields `image` (colour: RGBImageField, raw; one channel: NDArrayField of uint8, (H, W, 1))
    and `label` (IntField).

    Raises:
        UserError: the file is missing, cut short or damaged, or holds other fields, JPEG or images of several sizes.
    """
    reader = _read(path)
    fields = reader.handlers
    if list(fields) != ["image", "label"] or type(fields["label"]) is not IntField:
        found = ", ".join(f"{name} ({type(field).__name__})" for name, field in fields.items())
        raise UserError(f"{path}: the fields must be image and label (IntField), found {found}")
    of_image, of_label = (reader.metadata[name] for name in reader.metadata.dtype.names)
    pointers, shape = _pixels(path, fields["image"], of_image)
    pointers, size = pointers.astype(np.int64), int(np.prod(shape))
    storage = np.asarray(np.memmap(path, np.uint8, mode="r"))
    outside = pointers.min() < 0 or pointers.max() > len(storage) - size
    if outside or size == 0 or (reader.alloc_table["size"] != size).any():
        raise _damaged(path)
    return Beton(storage, pointers, shape, of_label.astype(np.int64))
