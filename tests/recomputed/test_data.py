"""What the encoded data holds, against the folder of images that it was made from."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image, ImageOps
from recomputed import formulas


def in_folder(folder, split, prepare):
    """Pixels and labels of the images below a folder, sorted by path."""
    files = sorted((folder / split).rglob("*.png"), key=lambda file: file.relative_to(folder).as_posix())
    classes = sorted({file.parent.name for file in files})
    pixels = [prepare(Image.open(file)) for file in files]
    return np.stack(pixels), np.array([classes.index(file.parent.name) for file in files]), files


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_images_are_those_of_the_folder(run, split):
    pixels, labels, _ = in_folder(run.path / "own", split, lambda image: np.asarray(image)[..., None])
    found = getattr(run.data, split)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.pixels, pixels)


@pytest.mark.parametrize("split", ["train", "test"])
def test_those_of_another_data_set_are_resized(run, split):
    """The middle square of each, its shorter side resized: antialiased bilinear."""
    pixels, labels, _ = in_folder(
        run.path / "pictures", split, lambda image: np.asarray(ImageOps.fit(image, (16, 16), Image.Resampling.BILINEAR))
    )
    found = getattr(run.transfer, split)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.pixels, pixels)


def test_the_card(run):
    train, labels, files = in_folder(run.path / "own", "train", lambda image: np.asarray(image)[..., None])
    test, test_labels, test_files = in_folder(run.path / "own", "test", lambda image: np.asarray(image)[..., None])
    card = run.data.card
    assert card["train"] == {"images": len(train), "per_class": np.bincount(labels).tolist()}
    assert card["test"] == {"images": len(test), "per_class": np.bincount(test_labels).tolist()}
    assert card["mean"] == pytest.approx([train.mean() / 255])
    assert card["std"] == pytest.approx([train.std() / 255])
    names = [file.relative_to(run.path / "own").as_posix() for file in (*files, *test_files)]
    contents = [image.tobytes() for image in (*train, *test)]
    n, first = len(train), contents.index
    copies = [[names[i], names[first(contents[i])]] for i in range(n) if first(contents[i]) < i]
    leaks = [[names[i], names[first(contents[i])]] for i in range(n, len(names)) if first(contents[i]) < n]
    assert card["duplicates"] == {"images": 2, "listed": copies}
    assert card["leaks"] == {"images": 1, "listed": leaks}


def test_what_is_held_out(run):
    """A share of the training images, drawn by the seed of the split; the same rule for the other data set."""
    data = run.params["data"]
    for split in (run.data, run.transfer):
        n = len(split.train.labels)
        expected = formulas.held_out(n, data["validation_fraction"], data["split_seed"])
        np.testing.assert_array_equal(split.validation, expected)
        assert len(expected) == round(Fraction(str(data["validation_fraction"])) * n)


@pytest.mark.parametrize("share", [0.1, 0.27, 0.5])
def test_whole_groups_are_held_out(sentences_of, encoded_of, tmp_path, share):
    """Of three texts each, or five; class c has two groups, and d a single one."""
    rows = [(f"g{i // 3:02}", "ab"[i // 3 % 2]) for i in range(30)]
    rows += [(f"h{i // 5}", "aaccd"[i // 5]) for i in range(25)]
    lines = [f"text {i},{label},{group},train" for i, (group, label) in enumerate(rows)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label,group,split", *lines, "one,a,t,test", "two,b,t,test"]))
    params = sentences_of(tmp_path, train={"batch_size": 8})
    params = params.model_copy(update={"data": params.data.model_copy(update={"validation_fraction": share})})
    out = encoded_of(params, tmp_path / "out").folder
    groups, labels = zip(*rows, strict=True)
    expected = formulas.groups_held_out(list(groups), list(labels), share, params.data.split_seed)
    assert np.load(out / "validation.npy").tolist() == expected
    held_out = {groups[i] for i in expected}
    assert held_out.isdisjoint(groups[i] for i in range(len(rows)) if i not in expected) and "h4" not in held_out
