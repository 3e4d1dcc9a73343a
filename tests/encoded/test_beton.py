import io
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from contraflow.encoded.beton import KINDS, VERSION, open_beton
from contraflow.foundations.errors import UserError
from contraflow.images.writer import IntField, NDArrayField, RGBImageField

N, SIZE = 30, 6
LABELS = [i % 3 - 1 for i in range(N)]


@pytest.fixture(scope="module", params=[1, 3])
def good(request, tmp_path_factory, write_ffcv, random_images):
    """An intact file and the images in it."""
    images = random_images(N, SIZE, request.param)
    return write_ffcv(tmp_path_factory.mktemp("beton") / "good.beton", images, LABELS), images


def test_what_ffcv_wrote(good):
    path, images = good
    beton = open_beton(path)
    assert len(beton) == N
    assert (*beton.size, beton.channels) == images.shape[1:]
    assert not beton.jpeg.any()
    assert beton.labels.dtype == np.int64
    assert beton.labels.tolist() == LABELS
    for i, image in enumerate(images):
        assert np.array_equal(beton.stored(i), image.reshape(-1))
    with pytest.raises(ValueError, match="read-only"):
        beton.storage[0] = 0


def test_it_finds_what_ffcvs_reader_finds(good):
    from ffcv.reader import Reader  # after contraflow.images.writer, which takes the side effects out of it

    path, _ = good
    beton, theirs = open_beton(path), Reader(str(path))
    image, label = (theirs.metadata[name] for name in theirs.metadata.dtype.names)
    assert [*theirs.handlers] == ["image", "label"] and len(beton) == theirs.num_samples
    assert beton.labels.tolist() == label.tolist()
    assert beton.bytes.tolist() == theirs.alloc_table["size"].tolist()
    if beton.channels == 1:
        sides = theirs.handlers["image"].shape[:2]
        assert beton.places.tolist() == [[pointer, *sides] for pointer in image.tolist()]
    else:
        assert beton.jpeg.tolist() == [mode == 0 for mode in image["mode"]]
        for column, name in enumerate(("data_ptr", "height", "width")):
            assert beton.places[:, column].tolist() == image[name].tolist()


def test_every_kind_of_field_has_ffcvs_name():
    from ffcv.types import CURRENT_VERSION, TYPE_ID_HANDLER

    named = {number: kind.__name__ for number, kind in TYPE_ID_HANDLER.items() if kind}
    assert named == dict(enumerate(KINDS))
    assert CURRENT_VERSION == VERSION


def refused(path, says):
    with pytest.raises(UserError, match=re.escape(str(path)) + ".*" + says) as error:
        open_beton(path)
    assert "\n" not in str(error.value)


def test_a_missing_file(tmp_path):
    refused(tmp_path / "none.beton", "is missing: run the step encode first")


@pytest.mark.parametrize("content", [b"", b"x", bytes(24), b"\2\0\x09\0" + bytes(20), b"not an FFCV file" * 1000])
def test_another_kind_of_file(tmp_path, content):
    path = tmp_path / "odd.beton"
    path.write_bytes(content)
    refused(path, "is cut short, damaged or not an FFCV file")
    refused(tmp_path, "is cut short, damaged or not an FFCV file")


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_cut_anywhere_is_refused(good, tmp_path, data):
    whole = good[0].read_bytes()
    used = len(whole.rstrip(b"\0"))
    cut = tmp_path / "cut.beton"
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1) | st.integers(used - 800, len(whole) - 1))])
    refused(cut, "is cut short")


@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_leads_nowhere_outside_of_the_file(good, tmp_path, data):
    content = bytearray(good[0].read_bytes())
    head = 24 + 2 * 1044 + N * 24  # header, two field descriptions, metadata
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(
            st.integers(0, 100) | st.integers(0, head) | st.integers(len(content) - N * 24, len(content) - 1)
        )
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.beton"
    path.write_bytes(content)
    try:
        beton = open_beton(path)
    except UserError as error:
        assert str(path) in str(error)
    else:
        starts, sizes = beton.places[:, 0], beton.bytes
        assert starts.min() >= 0 and sizes.min() >= 0 and (starts + sizes).max() <= len(content)
        pixels = beton.places[:, 1] * beton.places[:, 2] * beton.channels
        assert (pixels[~beton.jpeg] == sizes[~beton.jpeg]).all()


def test_other_fields_are_refused(tmp_path, write_ffcv, random_images):
    grey, colour = random_images(3, 4, 1), random_images(3, 4, 3)
    path = tmp_path / "odd.beton"
    array = NDArrayField(np.dtype("u1"), (4, 4, 1))
    write_ffcv(path, grey, [0, 1, 2], image=array, target=IntField())
    refused(path, r"the fields must be image and label \(IntField\), found image \(NDArrayField\), target \(IntField\)")
    write_ffcv(path, grey, [0, 1, 2], image=array)
    refused(path, r"the fields must be image and label \(IntField\), found image \(NDArrayField\)")
    write_ffcv(path, grey, grey, image=array, label=array)
    refused(path, r"the fields must be image and label")
    write_ffcv(
        path, grey.astype(np.float32), [0, 1, 2], image=NDArrayField(np.dtype("f4"), (4, 4, 1)), label=IntField()
    )
    refused(path, "the field image must be an RGBImageField or an NDArrayField of uint8")
    write_ffcv(path, colour, [0, 1, 2], image=NDArrayField(np.dtype("u1"), (4, 4, 3)), label=IntField())
    refused(path, "the field image must be an RGBImageField or an NDArrayField of uint8")


def test_jpeg_and_several_sizes(tmp_path, write_ffcv, random_images):
    images = [*random_images(3, 8, 3), random_images(1, 8, 3)[0][:5]]
    path = write_ffcv(tmp_path / "sizes.beton", images, [0, 1, 2, 3])
    beton = open_beton(path)
    assert beton.size is None
    assert beton.places[:, 1:].tolist() == [[8, 8], [8, 8], [8, 8], [5, 8]]
    assert np.array_equal(beton.stored(3), images[3].reshape(-1))
    path = write_ffcv(
        tmp_path / "jpeg.beton", images, [0, 1, 2, 3], image=RGBImageField(write_mode="jpg"), label=IntField()
    )
    beton = open_beton(path)
    assert beton.jpeg.all() and beton.channels == 3
    for i, image in enumerate(images):
        with Image.open(io.BytesIO(beton.stored(i).tobytes())) as picture:
            assert (picture.format, picture.size) == ("JPEG", (image.shape[1], image.shape[0]))
