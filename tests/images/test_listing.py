"""Which files of a folder are images, what their labels are, and which are kept for the test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contraflow.foundations.errors import UserError
from contraflow.images.listing import Listing, Part, list_folder, split_listing


def _touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_one_folder_a_class(tmp_path):
    _touch(tmp_path, "cats/b.JPG", "cats/deep er/ä.png", "dogs/a.jpeg", "dogs/notes.txt", "README.md", ".hidden/x.jpg")
    _touch(tmp_path, "dogs/.y.png")
    listing = list_folder(tmp_path)
    assert listing.classes == ["cats", "dogs"]
    assert listing.train.names == ["cats/b.JPG", "cats/deep er/ä.png", "dogs/a.jpeg"]
    assert listing.train.labels.tolist() == [0, 0, 1]
    assert listing.test is None


def test_images_directly_inside_have_no_labels(tmp_path):
    _touch(tmp_path, "b.webp", "a.tiff", "empty/notes.txt")
    listing = list_folder(tmp_path)
    assert listing.classes == []
    assert listing.train.names == ["a.tiff", "b.webp"]
    assert listing.train.labels.tolist() == [-1, -1]


def test_train_and_test_are_taken_as_they_are(tmp_path):
    _touch(tmp_path, "train/猫/1.png", "train/犬/2.png", "test/猫/3.png", "test/犬/4.png", "other/5.png")
    listing = list_folder(tmp_path)
    assert listing.classes == ["犬", "猫"]
    assert listing.train.names == ["train/犬/2.png", "train/猫/1.png"]
    assert listing.test.names == ["test/犬/4.png", "test/猫/3.png"]
    assert listing.test.labels.tolist() == [0, 1]


def test_linked_folders_are_followed_without_going_round(tmp_path):
    _touch(tmp_path, "elsewhere/1.png", "data/b/2.png")
    (tmp_path / "data/a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/b/loop").symlink_to(tmp_path / "data/b")
    assert list_folder(tmp_path / "data").train.names == ["a/1.png", "b/2.png"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["notes.txt"], "holds no images"),
        (["a.png", "cats/b.png"], "holds both: a.png lies beside the folder cats"),
        (["cats/a.png", "dogs/notes.txt"], "class folder dogs holds no images"),
        (["cats/a.png"], "single class folder, cats"),
        (["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png"], "only one of them has b"),
        (["train/a/1.png", "train/b/1.png", "test/1.png"], "only one of them has a"),
    ],
)
def test_other_layouts_are_refused_in_one_sentence(tmp_path, names, says):
    _touch(tmp_path, *names)
    with pytest.raises(UserError, match=says) as caught:
        list_folder(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match=r"data\.path must be a folder of images .* got .*nowhere"):
        list_folder(tmp_path / "nowhere")


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
    assert np.bincount(test.labels, minlength=len(counts)).tolist() == [round(fraction * n) for n in counts]
    few, same_test = split_listing(listing, test_fraction=fraction, limit=limit, seed=seed)
    assert same_test.names == test.names
    assert len(few) == min(len(train), limit or len(train))
    assert set(few.names) <= set(train.names)


def test_a_limit_takes_from_every_class_and_grows_steadily():
    listing = _listing([100, 100, 100])
    small, large = (split_listing(listing, test_fraction=0.1, limit=n, seed=0)[0] for n in (30, 60))
    assert set(small.labels.tolist()) == {0, 1, 2}
    assert set(small.names) < set(large.names)


def test_the_seed_decides_the_test():
    listing = _listing([50, 50])
    splits = [split_listing(listing, test_fraction=0.2, limit=None, seed=seed)[1].names for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
