import numpy as np
import pytest

from contraflow.encoded.pixels import read_images
from contraflow.foundations.errors import UserError
from contraflow.images.image_set import Split
from contraflow.images.writer import write_beton


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_come_back_in_the_order_asked_for(tmp_path, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 9, channels), dtype=np.uint8)
    write_beton(tmp_path / "a.beton", Split(pixels, np.zeros(7, np.int64)), "write")
    chosen = np.array([5, 0, 5, 6])
    assert np.array_equal(read_images(tmp_path / "a.beton", chosen, 9), pixels[chosen])
    assert read_images(tmp_path / "a.beton", np.array([], int), 9).shape == (0, 9, 9, channels)
    with pytest.raises(IndexError):
        read_images(tmp_path / "a.beton", np.array([7]), 9)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none.beton is missing"):
        read_images(tmp_path / "none.beton", np.array([0]), 9)
