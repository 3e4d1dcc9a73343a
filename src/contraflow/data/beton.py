"""An FFCV file of equally large images and their labels, checked and mapped into memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contraflow.data.layout import RAW, Field, Layout, read_layout
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


def open_beton(path: Path) -> Beton:
    """Open a file with the fields `image` (colour: RGBImageField, raw; one channel: NDArrayField of uint8, (H, W, 1))
    and `label` (IntField).

    Raises:
        UserError: the file is missing, cut short or damaged, or holds other fields, JPEG or images of several sizes.
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
    image = layout.fields[0]
    _require_pixels(path, image)
    of_image, labels = layout.metadata()
    pointers, shape = _pixels(path, image, of_image)
    size, pointers = int(np.prod(shape)), pointers.astype(np.int64)
    if layout.samples == 0 or size == 0 or (layout.sizes() != size).any():
        raise ValueError("there are no images, or they are not as large as their metadata say")
    if pointers.min() < 0 or pointers.max() > len(layout.storage) - size:
        raise ValueError("an image lies outside of the file")
    return Beton(layout.storage, pointers, shape, labels.astype(np.int64))


def _require_pixels(path: Path, image: Field) -> None:
    if image.kind == "RGBImageField":
        return
    if image.kind == "NDArrayField":
        kind, shape = image.array()
        if kind == "|u1" and len(shape) == 3 and shape[2] == 1:
            return
    raise UserError(
        f"{path}: the field image must be an RGBImageField or an NDArrayField of uint8 (height, width, 1), "
        f"found {image.kind}"
    )


def _pixels(path: Path, image: Field, metadata: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Pointers and common shape of the images."""
    if image.kind == "NDArrayField":
        return metadata, image.array()[1]
    if (metadata["mode"] != RAW).any():
        raise UserError(f"{path}: the images must be stored raw (write_mode='raw'), found JPEG")
    sizes = np.unique(np.stack([metadata["height"], metadata["width"]]), axis=1)
    if sizes.shape[1] > 1:
        raise UserError(f"{path}: the images must all have the same size, found {sizes.shape[1]} sizes")
    return metadata["pointer"], (int(sizes[0, 0]), int(sizes[1, 0]), 3)
