"""What gives something is lit, and nothing else."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from contraflow.pages.pictures import AGAINST, FOR, lit


def pixels(shown):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["uri"].partition(",")[2]))).convert("RGB"))


@pytest.mark.parametrize("channels", [1, 3])
def test_one_place_is_lit_where_it_lies(channels):
    given = np.zeros((4, 4))
    given[0, 3], given[3, 0] = 2, -2
    found = pixels(lit(np.full((32, 32, channels), 200, np.uint8), given, 2))
    assert found.shape == (32, 32, 3)
    colourful = np.ptp(found.astype(int), axis=2) > 20
    assert colourful[:10, 22:].mean() > 0.5 and colourful[22:, :10].mean() > 0.5
    assert not colourful[12:20].any() and not colourful[:10, :20].any()
    for corner, colour in ((found[0, 31], FOR), (found[31, 0], AGAINST)):
        assert np.abs(corner.astype(int) - colour).max() < 80


def test_where_nothing_is_given_nothing_is_lit():
    found = pixels(lit(np.full((8, 8, 1), 90, np.uint8), np.zeros((2, 2)), 0.0))
    assert np.ptp(found, axis=2).max() == 0


def test_a_large_image_is_reduced():
    assert lit(np.zeros((300, 300, 3), np.uint8), np.ones((7, 7)), 1.0, 128)["width"] == 128
