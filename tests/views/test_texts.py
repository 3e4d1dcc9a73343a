"""Loaders of texts that are alone: rows, their order, and what their dropout depends on."""

import numpy as np
import pytest
import torch

from contraflow.encoded.kin import Kin
from contraflow.encoded.texts import Texts
from contraflow.foundations.errors import UserError
from contraflow.views.kernels.draws import view_key
from contraflow.views.texts import TextLoader, TextViews

LENGTHS = np.arange(20) % 6 + 1


@pytest.fixture(scope="module")
def texts():
    tokens = [np.full(n, 1 + i, np.int32) for i, n in enumerate(LENGTHS)]
    return Texts.of([[f"text {i}"] for i in range(20)], tokens, labels=np.arange(20) % 3)


def views_of(texts, **changes):
    return TextViews(texts, 2, **{"seed": 3, "batch_size": 6} | changes)


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
