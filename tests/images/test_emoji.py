"""Emoji of Debian's font with names of CLDR: whole, named, and no test emoji among those trained on."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import features

from contraflow.encoded.kin import GROUP
from contraflow.foundations.errors import UserError
from contraflow.images.emoji import draw_emoji
from contraflow.images.image_set import ImageSet
from contraflow.images.sources import EMOJI_LANGUAGES, SOURCES
from contraflow.steps.fetch import Fetching, fetch


@pytest.fixture(scope="module")
def fetched(fetched_of) -> Path:
    return fetched_of("emoji")


@pytest.fixture(scope="module")
def emoji(fetched) -> ImageSet:
    return draw_emoji(fetched, None)


def test_there_are_as_many_as_the_table_of_data_sets_says(emoji):
    assert (len(emoji.train), len(emoji.classes)) == (SOURCES["emoji"].images, SOURCES["emoji"].classes)
    assert len(emoji.train) + len(emoji.test) == 3624
    assert emoji.classes[0] == "face-smiling" and emoji.train.shape == (32, 32, 3)


def test_no_test_emoji_is_trained_on_in_any_skin_tone_or_gender(emoji):
    groups = [split.positions // GROUP for split in (emoji.train, emoji.test)]
    assert not np.intersect1d(*groups).size
    assert all((np.diff(split.positions) > 0).all() for split in (emoji.train, emoji.test))

    of_group = [
        {
            re.sub(":.* skin tone|(^| )(man|woman|person)", "", said[0]).strip()
            for said in split.texts
            if "astronaut" in said[0]
        }
        for split in (emoji.train, emoji.test)
    ]
    assert sorted(of_group, key=len) == [set(), {"astronaut"}]
    assert set(emoji.test.labels.tolist()) <= set(emoji.train.labels.tolist())


def test_each_has_its_names_and_keywords_in_every_language(emoji):
    texts = {said[0]: said for split in (emoji.train, emoji.test) for said in split.texts}
    assert len(texts) > 3500
    assert texts["red heart"][:4] == ["red heart", "heart, red heart", "rotes Herz", "Herz, rotes Herz"]
    assert "علم: ألمانيا" in texts["flag: Germany"]
    assert "winkende Hand: dunkle Hautfarbe" in texts["waving hand: dark skin tone"]
    assert all(len(said) >= len(EMOJI_LANGUAGES) for said in texts.values())


def test_pictures_are_the_same_on_every_machine(fetched, emoji):
    again = draw_emoji(fetched, 32)
    pixels = [np.concatenate([each.train.images, each.test.images]) for each in (emoji, again)]
    assert (pixels[0] == pixels[1]).all()
    assert (
        hashlib.sha256(pixels[0].tobytes()).hexdigest()
        == "14f80d54a574cb043a5a79b388dffca2cd873f8ad77db261cdd70c198fdee7a1"
    )
    assert len({picture.tobytes() for picture in pixels[0]}) > 3550  # flags of islands are those of their countries


def test_they_are_drawn_in_colour_in_the_middle_of_white(emoji):
    mean = emoji.train.images.mean(0)
    assert (mean[0] > 250).all() and (mean[-1] > 250).all()
    heart = next(i for i, said in enumerate(emoji.train.texts + emoji.test.texts) if said[0] == "red heart")
    red, green, blue = np.concatenate([emoji.train.images, emoji.test.images])[heart, 16, 16].tolist()
    assert red > 200 and green < 100 and blue < 100


def test_what_is_missing_is_named_in_one_sentence(tmp_path, monkeypatch):
    gone = {**SOURCES, "emoji": SOURCES["emoji"].__class__(**vars(SOURCES["emoji"]) | {"packages": ()})}
    monkeypatch.setattr("contraflow.steps.fetch.SOURCES", gone)
    with pytest.raises(UserError, match="apt install fonts-noto-color-emoji unicode-cldr-core unicode-data") as error:
        fetch(Fetching("emoji", str(tmp_path), table=None), source=tmp_path / "out" / "source.json")
    assert "\n" not in str(error.value)


def test_without_what_composes_characters_pillow_is_not_asked(fetched, monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(UserError, match="libfribidi0"):
        draw_emoji(fetched, None)
