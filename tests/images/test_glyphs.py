"""Chinese characters in Debian's typefaces are the same pictures everywhere."""

import hashlib
import unicodedata

import numpy as np
import pytest
from fontTools.ttLib import TTFont

from contraflow.images.glyphs import draw_glyphs, gb2312
from contraflow.images.image_set import ImageSet
from contraflow.images.sources import SOURCES

GLYPHS = SOURCES["glyphs"]


@pytest.fixture(scope="module")
def glyphs(typefaces) -> ImageSet:
    return draw_glyphs(typefaces, None)


def test_the_characters_are_both_levels_of_the_standard():
    characters = gb2312()
    first, second = characters[:3755], characters[3755:]
    assert len(second) == 3008
    assert len(set(characters)) == 6763
    assert (first[0], first[-1], second[0], second[-1]) == ("啊", "座", "亍", "齄")
    assert all(unicodedata.name(character).startswith("CJK UNIFIED IDEOGRAPH") for character in characters)


def test_no_character_is_both_trained_on_and_tested(glyphs):
    train, test = set(glyphs.train.labels.tolist()), set(glyphs.test.labels.tolist())
    assert train == set(range(4734))
    assert test == set(range(4734, 6763))
    assert (len(glyphs.train), len(train)) == (GLYPHS.images, GLYPHS.classes)
    assert sorted(glyphs.classes) == sorted(gb2312())
    for split in (glyphs.train, glyphs.test):
        assert (np.unique(split.labels, return_counts=True)[1] == len(GLYPHS.files)).all()


def test_every_typeface_has_every_character_and_draws_each_in_its_own_way(typefaces, glyphs):
    pictures = np.concatenate([glyphs.train.images, glyphs.test.images])
    assert (pictures.shape, pictures.dtype) == ((4 * 6763, 32, 32, 1), np.uint8)
    assert len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) == len(pictures)
    assert (pictures.min((1, 2, 3)) < 128).all()
    border = np.concatenate([pictures[:, [0, -1]].reshape(-1), pictures[:, :, [0, -1]].reshape(-1)])
    assert border.min() >= 128, "a character is cut off"
    for file in GLYPHS.files:
        known = TTFont(typefaces / file, fontNumber=0, lazy=True).getBestCmap()
        assert not [character for character in gb2312() if ord(character) not in known]


def test_pixels_are_the_same_on_every_machine(typefaces, glyphs):
    again = draw_glyphs(typefaces, 32)
    assert (again.train.images == glyphs.train.images).all()
    digest = hashlib.sha256(glyphs.train.images.tobytes() + glyphs.test.images.tobytes()).hexdigest()
    assert digest == "f5ffc0d62da007766869f1521b060bd0d2ccc9e0c700fa9738964b0e30428b2a"


def test_larger_pictures_are_drawn_and_not_enlarged(typefaces, glyphs):
    large = draw_glyphs(typefaces, 64).test.images[:40]
    assert large.shape == (40, 64, 64, 1)
    halved = large.reshape(40, 32, 2, 32, 2).mean((2, 4))
    assert np.abs(halved - glyphs.test.images[:40, ..., 0]).mean() < 20
    assert (np.repeat(np.repeat(large[:, ::2, ::2], 2, 1), 2, 2) != large).any()
