"""What the step encode keeps of texts, and what its card says of them."""

import json
from unicodedata import name

import numpy as np
import pytest
from fixtures.encoded import ODD

from contraflow.encoded.names import TEXTS, TOKENIZER
from contraflow.encoded.tokens import tokenise
from contraflow.foundations.artefacts import sha256


@pytest.fixture(scope="module")
def data(captioned_of, tmp_path_factory):
    return captioned_of(tmp_path_factory.mktemp("texts"))


def test_every_text_lies_beside_its_image_as_it_was(data):
    train, test = data.texts["train"], data.texts["test"]
    assert (len(train), len(test)) == (60, 20)
    every = {text[i] for text in (train, test) for i in range(len(text))}
    assert {text for text in every if "picture" not in text} == {f"{ODD[i % 6]} {i % 30}" for i in range(40)}
    assert (np.diff(train.begins) == 2).all() and train[0] == "picture 1 lying"
    assert np.array_equal(train.tokens[5], tokenise(data.tokenizer, [train[5]])[0])


def test_the_card_counts_them(data):
    card = data.card.texts
    assert (card.train, card.test, card.vocabulary) == (60, 20, 300)
    assert card.characters[2] == 100_100 + len(" 26") and card.characters[0] < card.characters[1]
    said = {part: [each[i] for i in range(len(each))] for part, each in data.texts.items()}
    counted = {
        script: sum(any(name(letter, "").startswith(script) for letter in set(text)) for text in said["train"])
        for script in card.scripts
    }
    assert card.scripts == counted and {"LATIN", "HEBREW", "CJK"} <= set(card.scripts)
    assert list(card.scripts.values()) == sorted(card.scripts.values(), reverse=True)
    assert card.repeated == 60 - len(set(said["train"]))
    assert card.shared == sum(text in set(said["train"]) for text in said["test"]) > 0
    assert set(card.listed) == set(said["test"]) & set(said["train"])


def test_the_vocabulary_knows_no_test_text(captioned_of, data, tmp_path_factory):
    other = captioned_of(tmp_path_factory.mktemp("other"), tested="entirely other words")
    assert other.tokenizer == data.tokenizer
    assert sha256(other.folder / TEXTS) != sha256(data.folder / TEXTS)


def test_without_texts_both_files_are_empty(encoded):
    assert encoded.card.texts is None and "texts" not in json.loads((encoded.folder / "card.json").read_text())
    assert (encoded.folder / TOKENIZER).read_text() == "{}\n"
    assert len(encoded.texts["train"]) == 0 and len(encoded.texts["train"].begins) == encoded.card.train.images + 1
