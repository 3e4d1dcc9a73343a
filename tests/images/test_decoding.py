"""One picture file of any kind becomes what a person sees."""

import numpy as np
import pytest
from PIL import Image

from contraflow.encoded.pixels import square
from contraflow.images.decoding import BrokenPicture, is_grey, is_picture, open_picture

SIZE = 16


def read_picture(path, size):
    return square(open_picture(path)[0], size)


@pytest.fixture
def colour() -> Image.Image:
    """A smooth colour gradient, so that JPEG changes little."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] * (255 // SIZE)
    return Image.fromarray(np.stack([x, y, 255 - x], axis=-1).astype(np.uint8))


def _difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.png", {}, 0),
        ("a.bmp", {}, 0),
        ("a.ppm", {}, 0),
        ("a.tiff", {}, 0),
        ("a.webp", {"lossless": True}, 0),
        ("a.jpg", {"quality": 100, "subsampling": 0}, 4),
    ],
)
def test_formats_keep_the_pixels_of_a_picture_of_the_right_size(tmp_path, colour, name, options, tolerance):
    colour.save(tmp_path / name, **options)
    pixels = read_picture(tmp_path / name, SIZE)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (SIZE, SIZE, 3)
    assert _difference(pixels, np.asarray(colour)) <= tolerance


def _save(picture: Image.Image, path, kind: str) -> bool:
    """Whether Pillow writes the format, in any mode."""
    for mode in ("RGB", "L", "1"):
        try:
            picture.convert(mode).save(path, kind)
            return True
        except (OSError, ValueError):
            path.unlink(missing_ok=True)
    return False


@pytest.mark.filterwarnings("ignore:IM image format")
def test_what_pillow_reads_counts_as_a_picture(tmp_path, colour):
    written = 0
    for ending, kind in Image.registered_extensions().items():
        path = tmp_path / f"a{ending.upper()}"
        if kind in Image.SAVE and is_picture(path.name) and _save(colour.resize((32, 32)), path, kind):
            assert open_picture(path)[0].mode == "RGB", ending
            written += 1
    assert written > 30
    assert all(map(is_picture, ("a.jpg", "b.JFIF", "c.d.avif", "d.jp2", "e.tga")))
    assert not any(map(is_picture, ("a.h5", "b.mpg", "c.eps", "d.csv", "png", "e.heic")))


def test_transparent_pixels_are_white(tmp_path):
    rgba = np.zeros((SIZE, SIZE, 4), np.uint8)
    rgba[:, :8] = (255, 0, 0, 255)
    rgba[:, 8:12] = (0, 0, 255, 0)
    rgba[:, 12:] = (0, 0, 0, 128)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    pixels = read_picture(tmp_path / "a.png", SIZE)
    assert (pixels[:, :8] == (255, 0, 0)).all()
    assert (pixels[:, 8:12] == 255).all()
    assert (pixels[:, 12:] == 127).all()


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_a_transparent_palette_entry_is_white(tmp_path, suffix):
    indices = np.zeros((SIZE, SIZE), np.uint8)
    indices[:, 8:] = 1
    image = Image.fromarray(indices, mode="P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / f"a.{suffix}", transparency=1)
    pixels = read_picture(tmp_path / f"a.{suffix}", SIZE)
    assert (pixels[:, :8] == (10, 20, 30)).all()
    assert (pixels[:, 8:] == 255).all()


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bits_are_scaled_not_cut_off(tmp_path, suffix):
    values = np.linspace(0, 65535, SIZE * SIZE).reshape(SIZE, SIZE).round().astype(np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    pixels = read_picture(tmp_path / f"a.{suffix}", SIZE)
    assert (pixels == np.round(values / 257).astype(np.uint8)[..., None]).all()


def test_numbers_of_unknown_range_are_refused(tmp_path):
    Image.fromarray(np.ones((SIZE, SIZE), np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(np.full((SIZE, SIZE), 2**20, np.int32)).save(tmp_path / "int.tif")
    for name in ("float.tif", "int.tif"):
        with pytest.raises(BrokenPicture, match="range is not known"):
            read_picture(tmp_path / name, SIZE)


def test_exif_orientation_is_applied(tmp_path, colour):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter for display
    colour.save(tmp_path / "a.png", exif=exif)
    assert _difference(read_picture(tmp_path / "a.png", SIZE), np.rot90(np.asarray(colour), -1)) == 0


def test_damaged_exif_is_no_damaged_picture(tmp_path, colour):
    colour.save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    block = b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0"
    (tmp_path / "a.jpg").write_bytes(
        content[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + content[2:]
    )
    with pytest.warns(UserWarning, match="EXIF"):
        assert read_picture(tmp_path / "a.jpg", SIZE).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colour_spaces(tmp_path, colour, mode):
    colour.convert(mode).save(tmp_path / "a.tif")
    assert _difference(read_picture(tmp_path / "a.tif", SIZE), np.asarray(colour)) <= 3


def test_the_shorter_side_is_resized_and_the_longer_cut_evenly(tmp_path):
    wide = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 60, 3), dtype=np.uint8))
    wide.save(tmp_path / "wide.png")
    wide.transpose(Image.Transpose.TRANSPOSE).save(tmp_path / "tall.png")
    expected = np.asarray(wide.resize((30, 10), Image.Resampling.BILINEAR))[:, 10:20]
    assert _difference(read_picture(tmp_path / "wide.png", 10), expected) <= 1
    assert _difference(read_picture(tmp_path / "tall.png", 10), expected.transpose(1, 0, 2)) <= 1


def test_shrinking_is_antialiased(tmp_path):
    checks = (np.indices((160, 160)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "a.png")
    assert _difference(read_picture(tmp_path / "a.png", 8), np.full((8, 8, 3), 127)) <= 3


def test_grey_is_told_by_the_pixels(tmp_path, colour):
    colour.convert("L").save(tmp_path / "grey.png")
    colour.convert("L").convert("RGB").save(tmp_path / "grey.jpg")
    colour.save(tmp_path / "colour.png")
    assert is_grey(read_picture(tmp_path / "grey.png", 8))
    assert is_grey(read_picture(tmp_path / "grey.jpg", 8))
    assert not is_grey(read_picture(tmp_path / "colour.png", 8))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "tif", "ppm"])
def test_a_truncated_file_is_broken(tmp_path, colour, suffix):
    colour.resize((64, 64)).save(tmp_path / f"a.{suffix}")
    content = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(BrokenPicture, match=r"truncated|damaged|not an image"):
        read_picture(tmp_path / f"a.{suffix}", SIZE)


def test_reasons_are_short_and_name_no_path(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
    for name, reason in {"empty.jpg": "empty", "text.jpg": "not an image", "link.jpg": "broken link"}.items():
        with pytest.raises(BrokenPicture) as caught:
            read_picture(tmp_path / name, SIZE)
        assert str(caught.value) == reason
