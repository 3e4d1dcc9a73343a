"""The data card and the files it vouches for."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.card import Amount, Card, EncodedData, Repeats, spot_digest
from contraflow.encoded.claim import claim
from contraflow.encoded.names import CARD, FILES, TEST
from contraflow.encoded.tokens import train_tokenizer
from contraflow.foundations.artefacts import read_json, sha256, write_json
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance
from contraflow.images.captions import write_texts
from contraflow.images.image_set import Split
from contraflow.images.writer import write_beton


@pytest.fixture
def folder(tmp_path):
    train, test = (Split(np.zeros((n, 8, 8, 1), np.uint8), np.arange(n) % 3) for n in (6, 3))
    write_beton(tmp_path / "train.beton", train, "train")
    write_beton(tmp_path / "test.beton", test, "test")
    write_texts(
        tmp_path,
        train,
        test,
        np.arange(6),
        partial(train_tokenizer, vocabulary=300),
        Provenance(step="encode", inputs={}),
    )
    np.save(tmp_path / "validation.npy", np.array([1, 4]))
    np.save(tmp_path / "positions.npy", np.array([0, 1, 2, 2**32, 2**32 + 1, 2**32 + 2]))
    np.save(tmp_path / "groups.npy", np.zeros(3, np.int64))
    np.save(tmp_path / "roles.npy", np.full(3, ""))
    np.save(tmp_path / "copies.npy", np.array([0, 1, 0, 3, 4, 5]))
    Card(
        name="folder",
        classes=["a", "b", "c"],
        image_size=8,
        channels=1,
        mean=[0.0],
        std=[1.0],
        train=Amount(images=6, per_class=[2, 2, 2]),
        validation=Amount(images=2),
        test=Amount(images=3, per_class=[1, 1, 1]),
        splits={},
        skipped=[],
        not_taken={},
        duplicates=Repeats(images=0, listed=[]),
        leaks=Repeats(images=0, listed=[]),
        tested=sha256(tmp_path / TEST),
        bytes={name: (tmp_path / name).stat().st_size for name in FILES},
        digests={name: sha256(tmp_path / name) for name in FILES},
        spots={name: spot_digest(tmp_path / name) for name in FILES},
        provenance=Provenance(step="encode", inputs={}),
    ).write(tmp_path / CARD)
    return tmp_path


def test_indices_labels_and_digest(folder):
    data = EncodedData.open(folder / CARD)
    assert data.card.labelled
    assert data.card == Card.read(folder / CARD)
    assert data.validation.tolist() == [1, 4]
    assert data.training.tolist() == [0, 2, 3, 5]
    assert data.positions.tolist() == [0, 1, 2, 2**32, 2**32 + 1, 2**32 + 2]
    assert data.copies.tolist() == [0, 1, 0, 3, 4, 5]
    assert data.training.dtype == data.validation.dtype == np.int64
    assert data.labels("train").tolist() == [0, 1, 2, 0, 1, 2]
    assert data.labels("training").tolist() == [0, 2, 0, 2]
    assert data.labels("validation").tolist() == [1, 1]
    assert data.labels("test").tolist() == [0, 1, 2]
    assert data.digest == sha256(folder / "card.json")
    with pytest.raises(ValueError, match="got 'all'"):
        data.labels("all")


@pytest.mark.parametrize("name", ["card.json", *FILES])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing"):
        EncodedData.open(folder / CARD)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_is_named(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(UserError, match=f"{name} has .* bytes, but .*card.json says"):
        EncodedData.open(folder / CARD)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_data_set_is_named_though_it_has_the_same_size(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=f"{name} is not the file that .*card.json describes"):
        EncodedData.open(folder / CARD)


@given(size=st.integers(0, 3 * 2**16), at=st.floats(0, 1, exclude_max=True))
def test_spots_cover_small_files(tmp_path_factory, size, at):
    path, content = tmp_path_factory.getbasetemp() / "spots", bytearray(size)
    path.write_bytes(content)
    before = spot_digest(path)
    if size:
        content[int(at * size)] = 1
    path.write_bytes(content)
    assert (spot_digest(path) == before) == (size == 0)


def test_spots_of_a_large_file_reach_its_end_and_read_little(tmp_path):
    path = tmp_path / "large"
    digests = []
    for end in (b"", b"a", b"b"):
        with path.open("wb") as file:
            file.truncate(2**33)  # sparse
            file.seek(2**33 - 1)
            file.write(end)
        digests.append(spot_digest(path))
    assert len(set(digests)) == 3


def test_files_that_are_being_written_are_refused_by_name(folder):
    (folder / "card.json").unlink()
    with claim(folder), pytest.raises(UserError, match=f"{folder} is being written by another process"):
        EncodedData.open(folder / CARD)
    with pytest.raises(UserError, match=r"card\.json is missing"):
        EncodedData.open(folder / CARD)


def test_a_card_of_other_keys_is_refused(folder):
    write_json(folder / "card.json", read_json(folder / "card.json") | {"colour": "red"})
    with pytest.raises(UserError, match="is damaged, or of another version"):
        EncodedData.open(folder / CARD)
