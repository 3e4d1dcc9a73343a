"""A sparse `.beton`, larger than a memory."""

from pathlib import Path

import numpy as np
from ffcv.fields import IntField, RGBImageField
from ffcv.fields.rgb_image import IMAGE_MODES
from ffcv.types import ALLOC_TABLE_TYPE, CURRENT_VERSION, FieldDescType, HeaderType, get_metadata_type

from contraflow.encoded.beton import KINDS

SIDE = 32  # pixels
_CHUNK = 100_000  # images at a time
_PAGE = 2**21  # bytes


def write_sparse(path: Path, images: int) -> None:
    """A `.beton` of colour images whose pixels are a hole of the file: it has their size, and takes no room on a disk.

    What is read of a hole is zeros, which the system keeps in memory and drops again like what it reads of a disk.
    """
    fields = {"image": RGBImageField(write_mode="raw"), "label": IntField()}
    row, size = get_metadata_type(list(fields.values())), 3 * SIDE**2
    described = np.zeros(len(fields), FieldDescType)
    for each, (name, field) in zip(described, fields.items(), strict=True):
        each["type_id"] = KINDS.index(type(field).__name__)
        each["name"][: len(name)] = np.frombuffer(name.encode(), np.uint8)
        each["arguments"][:] = field.to_binary()[0]
    first = -(-(HeaderType.itemsize + described.nbytes + images * row.itemsize) // _PAGE) * _PAGE
    header = np.zeros(1, HeaderType)
    header["version"], header["num_fields"], header["page_size"] = CURRENT_VERSION, len(fields), _PAGE
    header["num_samples"], header["alloc_table_ptr"] = images, first + images * size
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(header.tobytes() + described.tobytes())
        parts = np.array_split(np.arange(images), -(-images // _CHUNK))
        for some in parts:
            rows = np.zeros(len(some), row)
            image = rows["f0"]
            image["mode"], image["width"], image["height"] = IMAGE_MODES["raw"], SIDE, SIDE
            image["data_ptr"] = first + some * size
            file.write(rows.tobytes())
        file.seek(first + images * size)
        for some in parts:
            pieces = np.zeros(len(some), ALLOC_TABLE_TYPE)
            pieces["sample_id"], pieces["ptr"], pieces["size"] = some, first + some * size, size
            file.write(pieces.tobytes())
