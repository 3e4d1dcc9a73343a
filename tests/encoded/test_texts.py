"""Texts beside their images: kept whole, drawn alike, and filled up."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.texts import Rows, Texts

SAID = [["a", "ä"], ["❤️", "<b>", ""], ["שלום"]]
TOKENS = [np.arange(1, n + 1) for n in (3, 1, 2, 5, 1, 9)]
TEXTS = Texts.of(SAID, TOKENS)


@given(st.lists(st.lists(st.text(), min_size=1), min_size=1))
def test_they_come_back_from_arrays_as_they_were(said):
    tokens = [np.array([1, len(text)], np.int32) for of_image in said for text in of_image]
    made = Texts.of(said, tokens)
    found = Texts.from_arrays(made.arrays("train"), "train")
    assert [found[text] for text in range(len(found))] == [text for of_image in said for text in of_image]
    assert found.image.tolist() == [image for image, of_image in enumerate(said) for _ in of_image]
    assert all(np.array_equal(found.tokens[text], each) for text, each in enumerate(tokens))


def test_tokens_are_cut_and_filled_up():
    assert TEXTS.tokens.padded(np.array([3, 1]), 3).tolist() == [[1, 2, 3], [1, 0, 0]]
    assert Rows.of([], np.int32).padded(np.arange(0), 4).shape == (0, 4)


@given(st.lists(st.lists(st.integers(1, 99)), min_size=1), st.integers(1, 6), st.data())
def test_some_rows_filled_up_are_those_filled_up_one_by_one(rows, most, data):
    some = data.draw(st.lists(st.integers(0, len(rows) - 1)))
    found = Rows.of([np.array(row) for row in rows], np.int32).padded(np.array(some, np.int64), most)
    assert found.tolist() == [(rows[i] + [0] * most)[:most] for i in some] and found.dtype == np.int64


def test_a_text_is_drawn_by_seed_epoch_and_image_alone():
    first = TEXTS.drawn(seed=0, epoch=3)
    assert first.tolist() == TEXTS.drawn(seed=0, epoch=3).tolist()
    every = np.stack([TEXTS.drawn(seed=seed, epoch=epoch) for seed in range(20) for epoch in range(50)])
    assert (TEXTS.image[every] == np.arange(3)).all()
    for image, said in enumerate(SAID):
        _, counts = np.unique(every[:, image], return_counts=True)
        assert np.allclose(counts / 1000, 1 / len(said), atol=0.05)
    other = Texts.of([*SAID, ["more"]], [*TOKENS, TOKENS[0]])
    assert other.drawn(seed=0, epoch=3)[:3].tolist() == first.tolist()
