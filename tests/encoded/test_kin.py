"""Which images show the same thing, and who is drawn to be an image's partner, against slow loops."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.kin import GROUP, Kin, any_are

places = st.lists(st.integers(-3, 12), min_size=1, max_size=14).map(lambda found: np.array(found, np.int64))


def kin_by_hand(kin, i, indices):
    return [j for j in indices.tolist() if j != i and abs(int(kin.places[j]) - int(kin.places[i])) <= kin.window]


@given(places, st.integers(0, 4), st.randoms(use_true_random=False), st.integers(0, 5))
def test_a_partner_is_another_of_the_images_kin_or_itself_where_it_has_none(places, window, random, epoch):
    kin = Kin(places, window)
    indices = np.array(sorted(random.sample(range(len(places)), random.randint(1, len(places)))))
    partners = kin.partners(indices, seed=1, epoch=epoch)
    for i in indices.tolist():
        assert partners[i] in (kin_by_hand(kin, i, indices) or [i])
    rest = np.setdiff1d(np.arange(len(places)), indices)
    assert (partners[rest] == rest).all()


@given(places, st.integers(0, 3))
def test_it_does_not_depend_on_where_others_of_no_kin_are(places, window):
    """A function of (seed, epoch, index): images far from all others take nothing from anybody."""
    kin, everyone = Kin(places, window), np.arange(len(places))
    far = Kin(np.append(places, 10**6), window)
    partners = far.partners(np.arange(len(places) + 1), seed=3, epoch=2)
    assert partners.tolist() == [*kin.partners(everyone, seed=3, epoch=2), len(places)]


def test_all_kin_are_as_likely_and_differ_by_epoch_and_seed():
    kin, everyone = Kin(np.array([0, 0, 0, 0, 9])), np.arange(5)
    drawn = Counter(int(kin.partners(everyone, seed=0, epoch=epoch)[1]) for epoch in range(3000))
    assert set(drawn) == {0, 2, 3} and all(abs(count - 1000) < 4 * np.sqrt(3000 * 2 / 9) for count in drawn.values())
    runs = [[kin.partners(everyone, seed=seed, epoch=e)[0] for e in range(40)] for seed in (0, 1)]
    assert runs[0] != runs[1] and runs[0] == [kin.partners(everyone, seed=0, epoch=e)[0] for e in range(40)]


def test_who_has_no_label_is_alone_even_where_labels_are_larger_than_the_number_of_images():
    kin = Kin.by_label(np.array([-1, 7, -1, 2, 7]))
    assert kin.partners(np.arange(5), seed=0, epoch=0).tolist() == [0, 4, 2, 3, 1]


def test_neighbours_in_order_never_lie_in_another_group():
    positions = np.array([0, 1, 2, GROUP, GROUP + 1])
    for epoch in range(20):
        partners = Kin(positions, 2**31 - 1).partners(np.arange(5), seed=0, epoch=epoch)
        assert set(partners[:3]) <= {0, 1, 2} and partners[3:].tolist() == [4, 3]


@pytest.mark.parametrize("window", [1, 2])
def test_only_neighbours_within_the_window_are_drawn(window):
    kin, everyone = Kin(np.arange(9), window), np.arange(9)
    found = {int(kin.partners(everyone, seed=0, epoch=epoch)[4]) for epoch in range(100)}
    assert found == {4 + step for step in range(-window, window + 1) if step}


@given(places, st.integers(0, 4))
def test_kin_are_told_and_counted_as_by_hand(places, window):
    kin, everyone = Kin(places, window), np.arange(len(places))
    by_hand = [[j == i or j in kin_by_hand(kin, i, everyone) for j in everyone] for i in everyone]
    assert kin.are(everyone, np.broadcast_to(everyone, (len(places),) * 2)).tolist() == by_hand
    assert sorted(kin.count().tolist()) == sorted(np.sum(by_hand, axis=1).tolist())
    assert kin.among(everyone[::2]).places.tolist() == places[::2].tolist()


def test_by_any_of_several():
    image, other = np.array([0, 3]), np.array([[1, 2, 3], [0, 1, 2]])
    found = any_are([Kin(np.array([0, 0, 5, 9])), Kin(np.array([0, 7, 0, 0]))], image, other)
    assert found.tolist() == [[True, True, True], [True, False, True]]
