"""Dropout by keys: what is dropped, and what that depends on."""

import numpy as np
import pytest
import torch

from contraflow.models.dropout import NONE, Dropout

KEYS = torch.tensor([5, -7, 2**62 + 3, NONE])
_64 = 2**64


def splitmix(state):
    """One output of the generator, in Python's whole numbers."""
    z = state % _64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % _64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % _64
    return z ^ (z >> 31)


def kept(key, place, number, share):
    """Whether a value stays, one by one."""
    line, column = divmod(number, 7)
    output = splitmix(key + 0x9E3779B97F4A7C15 * (2 * line + column // 4 + 1 + (place << 32)))
    drawn = output >> 16 * (column % 4) & 0xFFFF
    signed = drawn - 2**16 if drawn >= 2**15 else drawn
    return key == NONE or signed >= round(share * 2**16) - 2**15


@pytest.mark.parametrize("place", [0, 3])
def test_what_is_dropped_is_what_the_generator_says_one_by_one(place):
    x = torch.ones(4, 3, 7)
    found = Dropout(KEYS, 0.3)(x, place)
    stays = np.array([[kept(key, place, number, 0.3) for number in range(21)] for key in KEYS.tolist()])
    np.testing.assert_array_equal(found.numpy().reshape(4, 21) != 0, stays)
    scale = 1 / (1 - round(0.3 * 2**16) / 2**16)
    assert torch.equal(found.unique(), torch.tensor([0.0, 1.0, scale])) and torch.equal(found[3], x[3])


def test_the_share_is_kept_to_and_the_mean_stays():
    x = torch.ones(500, 400)
    found = Dropout(torch.arange(1, 501) * 2**40, 0.1)(x, 1)
    assert (found == 0).float().mean() == pytest.approx(0.1, abs=0.003)
    assert found.mean() == pytest.approx(1, abs=0.003)


def test_a_row_loses_the_same_in_any_company_and_padded_to_any_length():
    x = torch.randn(4, 5, 8)
    whole = Dropout(KEYS, 0.5)(x, 2)
    alone = Dropout(KEYS[1:2], 0.5)(x[1:2, :3], 2)
    assert torch.equal(alone[0], whole[1, :3])


def test_it_loses_the_same_where_lines_are_padded_too():
    """As those of attention are."""
    x = torch.randn(4, 5, 2, 9)
    whole = Dropout(KEYS, 0.5)(x, 2, longest=13)
    short = Dropout(KEYS, 0.5)(x[:, :3, :, :3], 2, longest=13)
    assert torch.equal(short, whole[:, :3, :, :3])


def test_without_a_share_nothing_is_lost():
    x = torch.randn(4, 5)
    assert Dropout(KEYS, 0.0)(x, 0) is x
