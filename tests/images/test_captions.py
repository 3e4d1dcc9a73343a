"""What the step encode keeps of texts, and what its card says of them."""

import json

import numpy as np
import pytest

from contraflow.encoded.names import TEXTS, TOKENIZER
from contraflow.encoded.tokens import tokenise
from contraflow.foundations.artefacts import sha256

ODD = ["❤️‍🔥", "שלום עולם", "x" * 100_000, "<script>alert(1)</script>", "a\x00b", "日本語"]


@pytest.fixture(scope="module")
def made(tmp_path_factory, params_of, image_folder, encoded_of):
    """`made(name)`: 40 images, the last ten for the test, each with two texts, one of them odd."""

    def make(name, text=lambda i: f"{ODD[i % 6]} {i % 30}"):
        root = tmp_path_factory.mktemp(name)
        folder = image_folder(root / "images", 40)
        paths = sorted(path.relative_to(folder) for path in folder.rglob("*.png"))
        rows = [
            {"path": str(path), "label": path.parent.name, "split": "test" if i % 4 == 0 else "train", "text": said}
            for i, path in enumerate(paths)
            for said in (f"picture {i % 30}", text(i))
        ]
        import pandas as pd

        pd.DataFrame(rows).to_csv(folder / "t.csv", index=False)
        return encoded_of(params_of(data={"path": str(folder), "table": "t.csv", "vocabulary": 300}), root)

    return make


@pytest.fixture(scope="module")
def data(made):
    return made("texts")


def test_every_text_lies_beside_its_image_as_it_was(data):
    train, test = data.texts["train"], data.texts["test"]
    assert (len(train), len(test)) == (60, 20)
    every = {text[i] for text in (train, test) for i in range(len(text))}
    assert every == {f"picture {i}" for i in range(30)} | {f"{ODD[i % 6]} {i % 30}" for i in range(40)}
    assert (np.diff(train.begins) == 2).all() and train[0] == "picture 1"
    assert np.array_equal(train.tokens[5], tokenise(data.tokenizer, [train[5]])[0])


def test_the_card_counts_them(data):
    card = data.card.texts
    assert (card.train, card.test, card.vocabulary) == (60, 20, 300)
    assert card.characters[2] == 100_000 + len(" 26") and card.characters[0] < card.characters[1]
    said = {part: [each[i] for i in range(len(each))] for part, each in data.texts.items()}
    assert card.repeated == 60 - len(set(said["train"]))
    assert card.shared == sum(text in set(said["train"]) for text in said["test"]) > 0
    assert set(card.listed) == set(said["test"]) & set(said["train"])


def test_the_vocabulary_knows_no_test_text(made, data):
    other = made("other", lambda i: "entirely other words" if i % 4 == 0 else f"{ODD[i % 6]} {i % 30}")
    assert other.tokenizer == data.tokenizer
    assert sha256(other.folder / TEXTS) != sha256(data.folder / TEXTS)


def test_without_texts_both_files_are_empty(encoded):
    assert encoded.card.texts is None and "texts" not in json.loads((encoded.folder / "card.json").read_text())
    assert (encoded.folder / TOKENIZER).read_text() == "{}\n"
    assert len(encoded.texts["train"]) == 0 and len(encoded.texts["train"].begins) == encoded.card.train.images + 1
