import numpy as np
import pytest

from contraflow.encoded.layout import read_layout
from contraflow.images.writer import NDArrayField


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [1, 30])
def test_it_finds_what_ffcvs_reader_finds(tmp_path, write_ffcv, random_images, n, channels):
    from ffcv.reader import Reader  # after contraflow.images.writer, which takes the side effects out of it

    path = write_ffcv(tmp_path / "some.beton", random_images(n, 5, channels), [i - 1 for i in range(n)])
    layout, theirs = read_layout(path), Reader(str(path))
    assert layout.samples == theirs.num_samples
    assert [(field.name, field.kind) for field in layout.fields] == [
        (name, type(field).__name__) for name, field in theirs.handlers.items()
    ]
    for column, name in zip(layout.metadata(), theirs.metadata.dtype.names, strict=True):
        assert column.dtype.itemsize == theirs.metadata[name].dtype.itemsize
        assert column.tobytes() == theirs.metadata[name].tobytes()
    assert layout.sizes().tolist() == theirs.alloc_table["size"].tolist()
    if channels == 1:
        array = theirs.handlers["image"]
        assert layout.fields[0].array() == (np.dtype(array.dtype).str, array.shape)


def test_every_kind_of_field_has_ffcvs_name(tmp_path):
    from ffcv.types import TYPE_ID_HANDLER

    from contraflow.encoded.layout import KINDS, VERSION

    named = {number: kind.__name__ for number, kind in TYPE_ID_HANDLER.items() if kind}
    assert named == dict(enumerate(KINDS))
    assert VERSION == 2 and NDArrayField.__name__ in KINDS


@pytest.mark.parametrize("content", [b"", b"x", bytes(24), b"\x02\x00\x09\x00" + bytes(20)])
def test_other_bytes_are_a_value_error(tmp_path, content):
    path = tmp_path / "odd.beton"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        read_layout(path)
