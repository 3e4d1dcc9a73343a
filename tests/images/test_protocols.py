"""CUB-200-2011, Cars196 and Stanford Online Products, in small: test classes are others than those trained on."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from contraflow.encoded.pixels import read_images
from contraflow.foundations.errors import UserError
from contraflow.images.protocols import list_data
from contraflow.images.settings import DataName
from contraflow.images.sources import SOURCES


def _picture(file: Path, shade: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 10), (shade, 90, 30)).save(file)


def _cub200(root: Path) -> None:
    """Classes 1, 100, 101 and 200, in no order, two pictures each."""
    names = {1: "001.Albatross", 100: "100.Pelican", 101: "101.White_Pelican", 200: "200.Yellowthroat"}
    images = [(number, f"{name}/{name[4:]}_{i}.jpg") for i in range(2) for number, name in names.items()]
    rows = list(enumerate(images, 1))
    (root / "classes.txt").write_text("".join(f"{number} {name}\n" for number, name in names.items()))
    (root / "images.txt").write_text("".join(f"{i} {file}\n" for i, (_, file) in rows))
    (root / "image_class_labels.txt").write_text("".join(f"{i} {number}\n" for i, (number, _) in reversed(rows)))
    (root / "train_test_split.txt").write_text("".join(f"{i} {i % 2}\n" for i, _ in rows))
    for number, file in images:
        _picture(root / "images" / file, number)


def _cars196(root: Path) -> None:
    """Classes 1, 98, 99 and 196, two pictures each, the annotations a struct array as MATLAB writes it."""
    numbers = [1, 98, 99, 196, 1, 98, 99, 196]
    fields = ("relative_im_path", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "test")
    annotations = np.empty((1, len(numbers)), [(field, object) for field in fields])
    for i, number in enumerate(numbers):
        annotations[0, i] = (f"car_ims/{i + 1:06d}.jpg", 1, 1, 9, 9, number, i % 2)
        _picture(root / f"car_ims/{i + 1:06d}.jpg", number)
    names = np.empty((1, 196), object)
    names[0] = [f"Maker Model {number} 2012" for number in range(1, 197)]
    scipy.io.savemat(root / "cars_annos.mat", {"annotations": annotations, "class_names": names})


def _sop(root: Path) -> None:
    """Products 1, 2, 11319 and 11320, two pictures each."""
    header = "image_id class_id super_class_id path\n"
    for file, numbers in (("Ebay_train.txt", (1, 2)), ("Ebay_test.txt", (11319, 11320))):
        rows = [(number, f"bicycle_final/{number}_{i}.JPG") for number in numbers for i in range(2)]
        (root / file).write_text(header + "".join(f"{i} {number} 1 {name}\n" for i, (number, name) in enumerate(rows)))
        for number, name in rows:
            _picture(root / name, number % 256)


CLASSES = {
    "cub200": (_cub200, ["001.Albatross", "100.Pelican", "101.White_Pelican", "200.Yellowthroat"]),
    "cars196": (_cars196, [f"Maker Model {number} 2012" for number in (1, 98, 99, 196)]),
    "sop": (_sop, ["1", "2", "11319", "11320"]),
}
# How red the pictures of each class are.
SHADES = {"cub200": [1, 100, 101, 200], "cars196": [1, 98, 99, 196], "sop": [1, 2, 11319 % 256, 11320 % 256]}
protocols = pytest.mark.parametrize("name", CLASSES)


@protocols
def test_the_first_classes_are_trained_on_and_the_others_are_the_test(tmp_path, name):
    write, classes = CLASSES[name]
    write(tmp_path)
    listing = list_data(name, tmp_path, None)
    assert listing.classes == classes
    assert listing.train.labels.tolist() == [0, 0, 1, 1]
    assert listing.test.labels.tolist() == [2, 2, 3, 3]
    assert len(listing.named()) == 8
    assert all((tmp_path / file).is_file() for file in listing.named())


@protocols
def test_pictures_keep_the_label_of_their_class_through_fetch_and_encode(tmp_path, params_of, encoded_of, name):
    write, _ = CLASSES[name]
    root = tmp_path / "data"
    root.mkdir()
    write(root)
    data = encoded_of(params_of(data={"name": name, "path": str(root), "image_size": 8}), tmp_path)
    assert data.card.classes == CLASSES[name][1]
    for split, beton in (("train", data.train_beton), ("test", data.test_beton)):
        labels = data.labels(split)
        shades = np.array(SHADES[name])[labels]
        found = read_images(beton, np.arange(len(labels)), 8)[..., 0].mean((1, 2))
        assert np.abs(found - shades).max() <= 3, "JPEG changes one colour by rounding only"
    assert set(data.labels("training")) ^ set(data.labels("validation")) == {0, 1}
    assert set(data.labels("test")) == {2, 3}


@protocols
def test_another_folder_is_refused_in_one_sentence(tmp_path, name):
    write, _ = CLASSES[name]
    with pytest.raises(UserError, match=rf"data\.path must be the folder with \S+ where data\.name is {name}, got "):
        list_data(name, tmp_path, None)
    write(tmp_path)
    listed = {"cub200": "images.txt", "cars196": "cars_annos.mat", "sop": "Ebay_test.txt"}[name]
    (tmp_path / listed).write_text("1 2 3 4 5\n6 7 8\n")
    with pytest.raises(UserError, match=rf"{listed}.* of {name}: unpack them anew"):
        list_data(name, tmp_path, None)


def test_half_a_protocol_is_refused(tmp_path):
    _sop(tmp_path)
    (tmp_path / "Ebay_test.txt").write_text("image_id class_id super_class_id path\n")
    with pytest.raises(UserError, match="names images of sop for training only"):
        list_data("sop", tmp_path, None)


def test_every_name_is_fetched_or_lies_in_data_path():
    assert {*SOURCES, *CLASSES, "folder"} == set(DataName.__args__)
