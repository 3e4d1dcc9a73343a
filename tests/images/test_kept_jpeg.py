"""JPEG files that stay as they are, and those that must be made anew."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from contraflow.encoded.jpeg import Decoder
from contraflow.images.decoding import open_picture
from contraflow.images.kept_jpeg import keep_jpeg


@pytest.fixture
def picture() -> Image.Image:
    """Smooth colours, 60 pixels high and 90 wide."""
    y, x = np.mgrid[0:60, 0:90]
    return Image.fromarray(np.stack([2 * x, 4 * y, 255 - x - y], axis=-1).astype(np.uint8))


def _kept(path, shortest):
    image, _, plain = open_picture(path)
    return keep_jpeg(path, image, plain=plain, shortest=shortest)


def _difference(a, b) -> int:
    return int(np.abs(np.asarray(a).astype(int) - np.asarray(b).astype(int)).max())


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_plain_file_keeps_its_bytes(tmp_path, picture, mode, progressive):
    picture.convert(mode).save(tmp_path / "a.jpg", progressive=progressive, comment="mine")
    jpeg, pixels = _kept(tmp_path / "a.jpg", 60)
    assert jpeg.content == (tmp_path / "a.jpg").read_bytes()
    assert (jpeg.height, jpeg.width) == (60, 90)
    assert np.array_equal(pixels, Image.open(tmp_path / "a.jpg").convert("RGB"))


def test_a_large_file_is_reduced_to_its_shorter_side(tmp_path, picture):
    picture.save(tmp_path / "a.jpg", quality=100)
    jpeg, pixels = _kept(tmp_path / "a.jpg", 20)
    again = Image.open(BytesIO(jpeg.content))
    assert (again.format, again.mode, again.size, (jpeg.width, jpeg.height)) == ("JPEG", "RGB", (30, 20), (30, 20))
    assert _difference(pixels, picture.resize((30, 20), Image.Resampling.BILINEAR)) <= 4
    assert _difference(again, pixels) <= 16
    assert _kept(tmp_path / "a.jpg", 20)[0] == jpeg


def test_what_a_decoder_would_have_to_know_is_done(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter for display
    picture.save(tmp_path / "turned.jpg", exif=exif, quality=100)
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    for name, expected in {
        "turned.jpg": np.rot90(np.asarray(picture), -1),
        "cmyk.jpg": np.asarray(picture),
    }.items():
        jpeg, pixels = _kept(tmp_path / name, 1000)
        again = Image.open(BytesIO(jpeg.content))
        assert jpeg.content != (tmp_path / name).read_bytes()
        assert (again.mode, again.getexif().get(0x0112)) == ("RGB", None)
        assert (again.height, again.width) == (jpeg.height, jpeg.width) == expected.shape[:2]
        assert _difference(pixels, expected) <= 6
        assert _difference(again, expected) <= 12


def test_what_the_loader_would_refuse_is_encoded_anew(tmp_path, picture):
    picture.save(tmp_path / "a.jpg", quality=95)
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[:-2] + b"abc" + content[-2:])
    jpeg, pixels = _kept(tmp_path / "a.jpg", 60)
    assert jpeg.content != (tmp_path / "a.jpg").read_bytes()
    with Decoder() as decoder:
        decoded = decoder.decode(np.frombuffer(jpeg.content, np.uint8), jpeg.height, jpeg.width)
        assert _difference(decoded, pixels) <= 8
