"""JPEG files decoded as Pillow decodes them, and damage found."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from contraflow.encoded.jpeg import DamagedJpeg, Decoder


def jpeg(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return np.frombuffer(file.getvalue(), np.uint8)


def picture(height, width, seed=0):
    """Smooth colours with some noise."""
    y, x = np.mgrid[:height, :width][..., None]
    wave = np.sin(np.array([0.05, 0.08, 0.11]) * (x + 2 * y) + np.arange(3))
    noise = np.random.default_rng(seed).normal(0, 12, wave.shape)
    return (128 + 90 * wave + noise).clip(0, 255).astype(np.uint8)


def decoded(content, height, width):
    with Decoder() as decoder:
        return decoder.decode(content, height, width).copy()


@given(
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    quality=st.integers(30, 100),
    subsampling=st.sampled_from([0, 1, 2]),
    progressive=st.booleans(),
    grey=st.booleans(),
)
@settings(max_examples=60)
def test_the_pixels_are_pillow_s(height, width, quality, subsampling, progressive, grey):
    pixels = picture(height, width)
    options = {"quality": quality, "progressive": progressive} | ({} if grey else {"subsampling": subsampling})
    content = jpeg(pixels[..., 0] if grey else pixels, **options)
    theirs = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.array_equal(decoded(content, height, width), theirs)


def test_one_decoder_for_many_images():
    contents = [(jpeg(picture(*sides)), *sides) for sides in ((40, 30), (5, 9), (60, 80), (1, 1))]
    with Decoder() as decoder:
        for content, height, width in contents * 2:
            pixels = decoder.decode(content, height, width)
            assert np.array_equal(pixels, decoded(content, height, width))
            assert not pixels.flags.writeable


def cmyk():
    file = io.BytesIO()
    Image.new("CMYK", (16, 16), (10, 20, 30, 40)).save(file, "JPEG")
    return np.frombuffer(file.getvalue(), np.uint8)


def test_what_cannot_be_decoded_whole():
    whole = jpeg(picture(64, 64))
    broken = whole.copy()
    broken[len(broken) // 2 :] = 0
    for content in (whole[: len(whole) // 2], whole[:100], whole[:0], broken, np.arange(200, dtype=np.uint8)):
        with pytest.raises(DamagedJpeg) as error:
            decoded(content, 64, 64)
        assert str(error.value)
    with pytest.raises(DamagedJpeg, match="64x64 pixels instead of 63x64"):
        decoded(whole, 64, 63)
    with pytest.raises(DamagedJpeg):
        decoded(cmyk(), 16, 16)
    assert np.array_equal(decoded(whole, 64, 64), decoded(whole, 64, 64))
