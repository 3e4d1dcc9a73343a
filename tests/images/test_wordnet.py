"""WordNet as Debian packs it: texts by synset, each said once, and none of a test synset among those trained on."""

from pathlib import Path

import numpy as np
import pytest

from contraflow.encoded.kin import GROUP
from contraflow.foundations.errors import UserError
from contraflow.images.image_set import ImageSet
from contraflow.images.sources import SOURCES
from contraflow.images.wordnet import _FILES, read_wordnet
from contraflow.steps.fetch import Fetching, fetch

LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by\n"
FILES = {
    "data.noun": '00001 05 n 02 cat 0 true_cat 0 000 | feline mammal; "the cat\'s paw"; "a cat sat"  \n'
    '00002 06 n 01 cat 0 000 | a whip; said of "two" tails  \n'
    '00003 06 n 01 lash 0 000 | a cord; "A Cat Sat"  \n',
    "data.verb": "00004 38 v 01 run_off 0 000 01 + 08 00 | run away  \n",
    "data.adj": '00005 00 a 01 awake(p) 0 000 | not asleep; "lay awake"  \n',
    "data.adv": '00006 02 r 01 up 0 000 | to the north; "up"  \n',
}


@pytest.fixture(scope="module")
def wordnet(fetched_of) -> ImageSet:
    return read_wordnet(fetched_of("wordnet"))


@pytest.fixture
def few(tmp_path, monkeypatch):
    monkeypatch.setattr("contraflow.images.wordnet._TESTED", 1)
    for name, lines in FILES.items():
        (tmp_path / name).write_text(LICENCE + lines, encoding="utf-8")
    return read_wordnet(tmp_path)


def test_words_definition_and_examples_are_texts_and_what_two_synsets_have_is_none(few):
    texts = {}
    for part in (few.train, few.test):
        for (text,), label, position in zip(part.texts, part.labels, part.positions, strict=True):
            texts.setdefault((part is few.test, position // GROUP, few.classes[label]), []).append(text)
    assert sorted((key[2], said) for key, said in texts.items()) == [
        ("adj.all", ["awake", "not asleep", "lay awake"]),
        ("adv.all", ["up", "to the north"]),
        ("noun.animal", ["cat, true cat", "feline mammal", "the cat's paw"]),
        ("noun.artifact", ["cat", 'a whip; said of "two" tails']),
        ("noun.artifact", ["lash", "a cord"]),
        ("verb.motion", ["run off", "run away"]),
    ]
    assert len({key[1] for key in texts if key[0]}) == 1


def test_there_are_as_many_as_the_table_of_data_sets_says(wordnet):
    source = SOURCES["wordnet"]
    assert (len(wordnet.train), len(wordnet.classes)) == (source.images, source.classes) == (238_382, len(_FILES))
    assert len(wordnet.test) == 4_692 and wordnet.train.items == wordnet.test.items == "texts"


def test_no_text_of_a_test_synset_is_trained_on(wordnet):
    said = [{text.casefold() for (text,) in part.texts} for part in (wordnet.train, wordnet.test)]
    assert not said[0] & said[1] and len(said[0]) == len(wordnet.train)
    counts = np.unique(wordnet.test.positions // GROUP, return_counts=True)[1]
    assert len(counts) == 2_000 and counts.min() == 2
    assert all((np.diff(part.positions) > 0).all() for part in (wordnet.train, wordnet.test))


def test_the_first_texts_have_every_class(wordnet):
    assert np.bincount(wordnet.train.first(40_000).labels, minlength=len(wordnet.classes)).min() > 3


def test_what_is_missing_is_named_in_one_sentence(tmp_path: Path, monkeypatch):
    gone = {**SOURCES, "wordnet": SOURCES["wordnet"].__class__(**vars(SOURCES["wordnet"]) | {"packages": ()})}
    monkeypatch.setattr("contraflow.steps.fetch.SOURCES", gone)
    with pytest.raises(UserError, match="apt install wordnet-base") as error:
        fetch(Fetching("wordnet", str(tmp_path), table=None), source=tmp_path / "out" / "source.json")
    assert "\n" not in str(error.value)
