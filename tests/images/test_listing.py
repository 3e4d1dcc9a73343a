"""Which files of a folder are images, and what their labels are."""

import pytest

from contraflow.foundations.errors import UserError
from contraflow.images.listing import describe_endings, endings, list_folder


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


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", None, "Test"),
        ("training", "validation", "testing"),
        ("TRAIN", "valid", "test"),
        ("training_set", "dev", "test_set"),
        ("TrainImages", None, "eval-data"),
    ],
)
def test_folders_of_splits_are_not_classes(tmp_path, train, validation, test):
    _touch(tmp_path, f"{train}/a/1.png", f"{train}/b/2.png", f"{test}/b/5.png")
    if validation:
        _touch(tmp_path, f"{validation}/a/3.png", f"{validation}/b/4.png")
    listing = list_folder(tmp_path)
    named = {"train": train, "validation": validation, "test": test}
    assert listing.splits == {split: name for split, name in named.items() if name}
    assert listing.classes == ["a", "b"]
    assert (listing.test.names, listing.test.labels.tolist()) == ([f"{test}/b/5.png"], [1])
    kept = [f"{validation}/a/3.png", f"{validation}/b/4.png"] if validation else []
    assert listing.train.names == [f"{train}/a/1.png", f"{train}/b/2.png", *kept]
    assert listing.train.labels.tolist() == [0, 1] * (2 if validation else 1)
    assert validation is None or listing.train.held_out.tolist() == [False, False, True, True]


def test_validation_without_a_test_is_the_test(tmp_path):
    _touch(tmp_path, "train/a/1.png", "train/b/2.png", "Val/a/3.png", "Val/b/4.png")
    listing = list_folder(tmp_path)
    assert listing.test.names == ["Val/a/3.png", "Val/b/4.png"]
    assert listing.train.held_out is None
    assert listing.splits == {"train": "train", "test": "Val"}


def test_train_alone_is_split(tmp_path):
    _touch(tmp_path, "train/a/1.png", "train/b/2.png", "annotations/1.xml")
    listing = list_folder(tmp_path)
    assert (listing.classes, listing.test) == (["a", "b"], None)


def test_a_class_may_be_called_train(tmp_path):
    _touch(tmp_path, "train/1.png", "tram/2.png")
    assert list_folder(tmp_path).classes == ["train", "tram"]


def test_what_systems_leave_is_neither_taken_nor_told(tmp_path):
    names = ["a/1.png", "b/2.png"]
    _touch(tmp_path, *names, "__MACOSX/a/._1.png", "__MACOSX/a/1.png", "a/._1.png", "a/@eaDir/1.png/SYNO_THUMB.jpg")
    _touch(tmp_path, "a/Thumbs.db", "b/desktop.ini", ".DS_Store", "a/.ipynb_checkpoints/1.png")
    assert list_folder(tmp_path).named() == set(names)
    assert endings(tmp_path, besides=names) == {}


def test_files_that_are_not_taken_are_counted_by_ending(tmp_path):
    _touch(tmp_path, "a/1.png", "a/2.heic", "b/3.HEIC", "b/4.png", "b/deep/readme", "labels.csv")
    not_taken = endings(tmp_path, besides=["a/1.png"])
    assert list(not_taken.items()) == [(".heic", 2), (".csv", 1), (".png", 1), ("no ending", 1)]
    assert describe_endings(not_taken) == "2 .heic, 1 .csv, 1 .png, 1 no ending"
    assert describe_endings({f".{i}": 1 for i in range(12)}).endswith("1 .9, 2 more endings")


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
        (["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png"], "no training image has the class c"),
        (["train/a/1.png", "train/b/1.png", "test/1.png"], "no class folders, but the training images have some"),
        (["train/1.png", "val/a/1.png", "val/b/1.png"], "class folders, but the training images have none"),
        (["train/a/1.png", "train/b/1.png", "Training/a/2.png"], "both Training and train, which mean the same"),
        (["val/a/1.png", "val/b/1.png", "test/a/2.png"], "has test and no train"),
        (["photos/train/a/1.png"], "if photos holds the classes, name it in data.path"),
        (["1.heic", "2.heic", "a/notes"], "holds no images, but 2 .heic, 1 no ending, which are not read"),
    ],
)
def test_other_layouts_are_refused_in_one_sentence(tmp_path, names, says):
    _touch(tmp_path, *names)
    with pytest.raises(UserError, match=says) as caught:
        list_folder(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_test_may_have_none_of_the_training_classes(tmp_path):
    _touch(tmp_path, "train/b/1.png", "train/a/1.png", "val/e/1.png", "test/d/1.png", "test/c/1.png")
    found = list_folder(tmp_path)
    assert found.classes == ["a", "b", "c", "d", "e"]
    assert found.train.labels.tolist() == [0, 1, 4] and found.train.held_out.tolist() == [False, False, True]
    assert found.test.labels.tolist() == [2, 3]
    _touch(tmp_path, "test/a/2.png")
    with pytest.raises(UserError, match="no training image has the class c"):
        list_folder(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match=r"data\.path must be a folder of images .* got .*nowhere"):
        list_folder(tmp_path / "nowhere")
