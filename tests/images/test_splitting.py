"""Which images of a folder are kept for the test."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.kin import GROUP
from contraflow.images.listing import Listing, Part
from contraflow.images.splitting import draw_held_out, split_listing


def _listing(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    names = [f"{label}/{i:03}.png" for i, label in enumerate(labels)]
    return Listing([str(i) for i in range(len(counts))], Part(names, labels), None)


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    fraction=st.floats(0.01, 0.99),
    limit=st.none() | st.integers(1, 60),
    seed=st.integers(0, 2**63),
)
def test_each_class_gives_its_share_to_the_test(counts, fraction, limit, seed):
    listing = _listing(counts)
    train, test = split_listing(listing, test_fraction=fraction, limit=None, seed=seed)
    assert sorted(train.names + test.names) == listing.train.names
    assert train.names == sorted(train.names)
    assert test.names == sorted(test.names)
    given = np.bincount(test.labels, minlength=len(counts))
    shares = [Fraction(repr(fraction)) * n for n in counts]
    assert all(n - math.floor(share) in (0, 1) for share, n in zip(shares, given, strict=True))
    assert all(n < size for n, size in zip(given, counts, strict=True))
    open_ = [n for n, share, size in zip(given, shares, counts, strict=True) if math.floor(share) + 1 < size]
    if len(open_) == len(counts):  # no class is too small for one image more: then the whole has its share, too
        assert len(test) == max(1, round(sum(shares)))
    few, same_test = split_listing(listing, test_fraction=fraction, limit=limit, seed=seed)
    assert same_test.names == test.names
    assert len(few) == min(len(train), limit or len(train))
    assert set(few.names) <= set(train.names)


def test_a_limit_takes_from_every_class_and_grows_steadily():
    listing = _listing([100, 100, 100])
    small, large = (split_listing(listing, test_fraction=0.1, limit=n, seed=0)[0] for n in (30, 60))
    assert set(small.labels.tolist()) == {0, 1, 2}
    assert set(small.names) < set(large.names)


def test_many_small_classes_give_the_whole_share():
    train, test = split_listing(_listing([2] * 300), test_fraction=0.2, limit=None, seed=0)
    assert len(test) == 120
    assert set(train.labels.tolist()) == set(range(300))


def test_a_limit_leaves_the_validation_images_that_are_kept_apart():
    part = Part([f"{i}.png" for i in range(20)], np.full(20, -1), held_out=np.arange(20) >= 15)
    train, _ = split_listing(Listing([], part, Part(["t.png"], np.array([-1]))), test_fraction=0.2, limit=5, seed=0)
    assert (len(train), train.held_out.sum()) == (10, 5)
    assert set(train.names[5:]) == {f"{i}.png" for i in range(15, 20)}


def test_the_seed_decides_the_test():
    listing = _listing([50, 50])
    splits = [split_listing(listing, test_fraction=0.2, limit=None, seed=seed)[1].names for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]


def _held_out(labels, groups=None, fraction=0.2):
    """Of training images with these labels in these groups; the test has all classes."""
    n, labels = len(labels), np.array(labels)
    positions = None if groups is None else np.array(groups) * GROUP + np.arange(n)
    train, test = Part([str(i) for i in range(n)], labels, positions), Part(["t"], labels[:1])
    return draw_held_out(train, test, name="table", classes=["a", "b", "c"], fraction=fraction, seed=3)


def test_validation_images_are_whole_groups():
    groups = np.repeat(np.arange(40), 3)
    drawn = _held_out(np.arange(120) % 2, groups)
    assert len(drawn) == 24 and len(set(groups[drawn])) == 8


def test_a_group_that_cannot_be_held_out_whole_is_trained_on():
    """One has all images of the third class, another one without a label."""
    groups, labels = np.repeat(np.arange(20), 5), np.arange(100) % 2
    labels[:5], labels[12] = 2, -1
    drawn = set(groups[_held_out(labels, groups, fraction=0.85)])
    assert drawn.isdisjoint({0, 2}) and len(drawn) == 17


def test_where_whole_groups_are_too_few_the_draw_is_that_without_groups():
    labels = np.arange(60) % 3
    plain = _held_out(labels).tolist()
    for groups in (np.zeros(60, int), np.arange(60) % 2, labels):
        assert _held_out(labels, groups).tolist() == plain
    assert _held_out(labels, np.arange(60) // 4).tolist() != plain
