"""Loaders of texts that are alone: rows, their order, and what their dropout depends on."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.kin import Kin
from contraflow.encoded.texts import Texts
from contraflow.foundations.errors import UserError
from contraflow.views.kernels.draws import view_key
from contraflow.views.settings import ViewRecipe
from contraflow.views.texts import TextLoader, TextViews

LENGTHS = np.arange(20) % 6 + 1


@pytest.fixture(scope="module")
def texts():
    tokens = [np.full(n, 1 + i, np.int32) for i, n in enumerate(LENGTHS)]
    return Texts.of([[f"text {i}"] for i in range(20)], tokens, labels=np.arange(20) % 3)


def views_of(texts, **changes):
    return TextViews(texts, **{"recipes": [ViewRecipe()] * 2, "around": (0, 0), "seed": 3, "batch_size": 6} | changes)


def test_rows_are_tokens_behind_the_key_of_a_view(texts):
    for batch in views_of(texts).epoch(4):
        assert batch.views.shape == (2, 6, 7) and batch.partner is None
        for number, view in enumerate(batch.views.tolist()):
            for index, (key, *tokens) in zip(batch.index.tolist(), view, strict=True):
                assert tokens == [1 + index] * LENGTHS[index] + [0] * (6 - LENGTHS[index])
                assert key % 2**64 == int(view_key(3, 4, index, number))


def test_as_they_are_they_have_no_key_and_keep_their_order_and_labels(texts):
    rows, labels = zip(*TextLoader(texts, batch_size=6, indices=np.array([9, 2, 4, 0, 1, 7, 8])), strict=True)
    assert [len(each) for each in rows] == [6, 1]
    assert torch.cat([each[:, :2] for each in rows]).tolist() == [[0, 1 + i] for i in (9, 2, 4, 0, 1, 7, 8)]
    assert torch.cat(labels).tolist() == [0, 2, 1, 0, 1, 1, 2]


def test_rows_are_no_longer_than_what_is_read(texts):
    """One text of the data may be as long as a book."""
    assert all(batch.views.shape == (2, 6, 5) for batch in views_of(texts, tokens=4).epoch(0))
    indices = np.array([0, 6, 1, 5, 2, 4])
    rows, _ = zip(*TextLoader(texts, batch_size=2, indices=indices), strict=True)
    assert [each.shape for each in rows] == [(2, 2), (2, 7), (2, 6)]
    for whole, short in zip(views_of(texts).epoch(1), views_of(texts, tokens=4).epoch(1), strict=True):
        assert torch.equal(whole.views[..., :5], short.views)


def test_an_epoch_has_each_text_once_in_an_order_of_its_own(texts):
    loader = views_of(texts, batch_size=5)
    orders = [torch.cat([batch.index for batch in loader.epoch(epoch)]).tolist() for epoch in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2] and sorted(orders[2]) == list(range(20))
    assert len(loader) == 4


def test_parts_are_those_of_the_whole(texts):
    whole = list(views_of(texts).epoch(1))
    parts = [list(views_of(texts, part=part, parts=2).epoch(1)) for part in range(2)]
    for batch, *halves in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat([half.views for half in halves], dim=1), batch.views)
        assert all(torch.equal(half.index, batch.index) for half in halves)
    with pytest.raises(UserError, match=r"^train\.batch_size must be a multiple of the GPUs at work, 4, got 6$"):
        views_of(texts, parts=4)


def test_the_second_view_is_of_a_partner(texts):
    kin = Kin(np.arange(20) // 2)
    for batch in views_of(texts, kin=kin).epoch(0):
        assert torch.equal(batch.partner, batch.index ^ 1)
        first, second = batch.views[:, :, 1]
        assert torch.equal(first, 1 + batch.index) and torch.equal(second, 1 + batch.partner)
        assert torch.equal(batch.shown, torch.stack([batch.index, batch.partner]))


WORDS = [ViewRecipe(word_crop=[0.3, 0.9], word_dropout=0.2), ViewRecipe()]


@pytest.fixture(scope="module")
def long():
    """200 texts of 1 to 40 tokens between two before and one behind, each token another number."""
    tokens = [np.array([1, 2, *range(100 * i + 10, 100 * i + 10 + i % 40 + 1), 3], np.int32) for i in range(200)]
    return Texts.of([[f"text {i}"] for i in range(200)], tokens, labels=np.zeros(200, int))


def rows_of(texts, recipe, epoch=0, **changes):
    """The tokens of one view of each text, by index."""
    loader = views_of(texts, recipes=[recipe], around=(2, 1), batch_size=len(texts), **changes)
    (batch,) = loader.epoch(epoch)
    rows = [[token for token in row if token] for row in batch.views[0, :, 1:].tolist()]
    return dict(zip(batch.index.tolist(), rows, strict=True))


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0, 0.99), st.integers(0, 100))
def test_a_view_is_what_is_left_of_a_piece_between_what_stands_around_every_text(long, one, other, dropped, epoch):
    least, most = sorted((one, other))
    for index, row in rows_of(long, ViewRecipe(word_crop=[least, most], word_dropout=dropped), epoch).items():
        words, left = index % 40 + 1, np.array(row[2:-1]) - 100 * index - 10
        assert row[:2] == [1, 2] and row[-1] == 3 and len(left) >= 1
        assert (left >= 0).all() and (left < words).all() and all(a < b for a, b in pairwise(left))
        assert left[-1] - left[0] < max(1, int(most * words + 0.5))
        if not dropped:
            assert max(1, int(least * words + 0.5)) <= len(left) == left[-1] - left[0] + 1


def test_pieces_lie_anywhere_and_tokens_are_left_out_as_often_as_is_said(long):
    starts, left, words = [], 0, 0
    for epoch in range(40):
        pieces = rows_of(long, ViewRecipe(word_crop=[0.5, 0.5]), epoch)
        starts += [pieces[index][2] - 100 * index - 10 for index in range(39, 200, 40)]
        kept = rows_of(long, ViewRecipe(word_dropout=0.3), epoch)
        left += sum(len(row) - 4 for row in kept.values())  # one of each always stays
        words += sum(index % 40 for index in kept)
    assert set(starts) == set(range(21))
    assert abs(left / words - 0.7) < 4 * np.sqrt(0.3 * 0.7 / words)


def test_it_is_a_function_of_seed_epoch_index_and_view_alone(long):
    loader = views_of(long, recipes=WORDS, around=(2, 1), batch_size=8)
    whole = {int(i): view for batch in loader.epoch(5) for i, view in zip(batch.index, batch.views[0], strict=True)}
    parts = [views_of(long, recipes=WORDS, around=(2, 1), batch_size=20, part=part, parts=2) for part in (0, 1)]
    for half, loader in enumerate(parts):
        for batch in loader.epoch(5):
            indices = batch.index[10 * half : 10 * half + 10].tolist()
            assert all(torch.equal(whole[i], view) for i, view in zip(indices, batch.views[0], strict=True))
    recipe = WORDS[0]
    assert rows_of(long, recipe, 0) != rows_of(long, recipe, 1) != rows_of(long, recipe, 1, seed=4)
    second = views_of(long, recipes=[recipe] * 2, around=(2, 1), batch_size=200)
    (batch,) = second.epoch(0)
    assert not torch.equal(*batch.views[..., 1:])


def test_what_is_longer_than_is_read_is_cut(long):
    short, whole = (rows_of(long, WORDS[0], tokens=tokens) for tokens in (6, 4096))
    assert short == {index: row[:6] for index, row in whole.items()}
