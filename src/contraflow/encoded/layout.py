"""How FFCV lays out a file (`.beton`, version 2), read with NumPy alone: importing ffcv takes seconds, and torch.

Header, one description a field, one row of metadata a sample, pages of data, and one allocation a piece of data.
FFCV's own `Reader` finds the same; FFCV stays the writer.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VERSION = 2
KINDS = ("FloatField", "IntField", "RGBImageField", "BytesField", "NDArrayField", "JSONField", "TorchTensorField")
JPEG, RAW = 0, 1  # `mode` of an image: stored as a JPEG file, or its pixels as they are

_HEADER = np.dtype(
    [("version", "<u2"), ("fields", "<u2"), ("page", "<u4"), ("samples", "<u8"), ("allocations", "<u8")], align=True
)
_FIELD = np.dtype([("kind", "<u1"), ("name", "<u1", 16), ("arguments", "<u1", 1024)], align=True)
_ALLOCATION = np.dtype([("sample", "<u8"), ("pointer", "<u8"), ("size", "<u8")])
_ARRAY = np.dtype([("shape", "<u8", 32), ("type_length", "<u8")])  # then the type as JSON
_METADATA = {
    "IntField": np.dtype("<i8"),
    "RGBImageField": np.dtype([("mode", "<u1"), ("width", "<u2"), ("height", "<u2"), ("pointer", "<u8")]),
    "NDArrayField": np.dtype("<u8"),  # the pointer
}


@dataclass(frozen=True)
class Field:
    """A field's name, its kind (one of `KINDS`), and the arguments it was made with, 1024 bytes."""

    name: str
    kind: str
    arguments: np.ndarray

    def array(self) -> tuple[str, tuple[int, ...]]:
        """Type (as NumPy writes it, `|u1`) and shape of the arrays of an NDArrayField."""
        header = np.frombuffer(self.arguments, _ARRAY, 1)[0]
        text = self.arguments[_ARRAY.itemsize :][: int(header["type_length"])].tobytes()
        return json.loads(text)[0][1], tuple(int(side) for side in header["shape"] if side)


@dataclass(frozen=True)
class Layout:
    """An open file: all its bytes (uint8, read-only, mapped into memory), the samples in it, and its fields."""

    storage: np.ndarray
    samples: int
    fields: tuple[Field, ...]
    allocations_at: int

    def metadata(self) -> tuple[np.ndarray, ...]:
        """For each field, a row of metadata a sample; the fields must be of a kind in `_METADATA`."""
        row = np.dtype([("", _METADATA[field.kind]) for field in self.fields], align=True)
        start = _HEADER.itemsize + len(self.fields) * _FIELD.itemsize
        table = np.frombuffer(self.storage, row, self.samples, start)
        return tuple(table[column] for column in row.names)

    def sizes(self) -> np.ndarray:
        """Bytes of the piece of data that each sample has, uint64 (samples,)."""
        pieces = np.frombuffer(self.storage, _ALLOCATION, self.samples, self.allocations_at)
        return pieces["size"][np.argsort(pieces["sample"], kind="stable")]


def read_layout(path: Path) -> Layout:
    """Map a file and read its header and fields.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is cut short or not an FFCV file; so do the methods of what is returned.
    """
    storage = np.asarray(np.memmap(path, np.uint8, mode="r"))
    header = np.frombuffer(storage, _HEADER, 1)[0]
    if header["version"] != VERSION:
        raise ValueError(f"version {VERSION} expected, got {header['version']}")
    described = np.frombuffer(storage, _FIELD, int(header["fields"]), _HEADER.itemsize)
    if (described["kind"] >= len(KINDS)).any():
        raise ValueError(f"a field's kind must be below {len(KINDS)}, got {described['kind'].tolist()}")
    fields = (
        Field(name.tobytes().rstrip(b"\0").decode("ascii"), KINDS[kind], arguments)
        for kind, name, arguments in described
    )
    return Layout(storage, int(header["samples"]), tuple(fields), int(header["allocations"]))
