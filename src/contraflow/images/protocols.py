"""Photographs in their authors' own layout, trained on some of the classes and tested on the others.

Which classes are trained on is that of Song et al. 2016 (Deep Metric Learning via Lifted Structured Feature Embedding),
by which figures of retrieval on these data are compared.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from contraflow.foundations.errors import UserError
from contraflow.images.listing import Listing, Part
from contraflow.images.table import list_images


class _Image(NamedTuple):
    """The path of an image below data.path, its class by number and by name, and whether it is trained on."""

    file: str
    number: int
    name: str
    trained: bool


def list_data(name: str, path: Path, table: str | None) -> Listing:
    """The images of `cub200`, `cars196` or `sop` as they lie in `path`, or of a folder of the user's own.

    Raises:
        UserError: the folder is missing or laid out in another way (see `list_images` for the user's own).
    """
    if name == "folder":
        return list_images(path, table)
    files, images_in = _PROTOCOLS[name]
    missing = [file for file in files if not (path / file).is_file()]
    if missing:
        raise UserError(f"data.path must be the folder with {missing[0]} where data.name is {name}, got {path}")
    try:
        images = sorted(images_in(path), key=lambda image: image.number)
    except (ValueError, LookupError):
        raise UserError(f"{path} has not the {' and '.join(files)} of {name}: unpack them anew") from None
    classes = {image.number: image.name for image in images}
    labels = {number: label for label, number in enumerate(classes)}
    train, test = (
        Part([image.file for image in part], np.array([labels[image.number] for image in part], np.int64))
        for part in ([image for image in images if image.trained is trained] for trained in (True, False))
    )
    if not len(train) or not len(test):
        raise UserError(f"{path} names images of {name} for {'the test' if len(test) else 'training'} only")
    return Listing(list(classes.values()), train, test)


def _cub200(path: Path) -> Iterator[_Image]:
    """CUB-200-2011, as its archive is unpacked: the first 100 of 200 classes are trained on."""
    files, numbers, names = (dict(_fields(path / file)) for file in _PROTOCOLS["cub200"][0])
    for image, number in numbers.items():
        yield _Image(f"images/{files[image]}", int(number), names[number], int(number) <= 100)


def _cars196(path: Path) -> Iterator[_Image]:
    """Cars196, `cars_annos.mat` beside the folder `car_ims`: the first 98 of 196 classes are trained on."""
    from scipy.io import loadmat

    try:
        content = loadmat(path / "cars_annos.mat", squeeze_me=True)
    except Exception as error:  # of a damaged file scipy raises many kinds
        raise ValueError from error
    for image in content["annotations"]:
        number = int(image["class"])
        yield _Image(str(image["relative_im_path"]), number, str(content["class_names"][number - 1]), number <= 98)


def _sop(path: Path) -> Iterator[_Image]:
    """Stanford Online Products, as its archive is unpacked; its products have numbers for names."""
    for file, trained in (("Ebay_train.txt", True), ("Ebay_test.txt", False)):
        _, *rows = _fields(path / file)
        for _, number, _, image in rows:
            yield _Image(image, int(number), number, trained)


def _fields(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text(encoding="utf-8").splitlines()]


# The files that say which images there are, and who reads them.
_PROTOCOLS: dict[str, tuple[tuple[str, ...], Callable[[Path], Iterator[_Image]]]] = {
    "cub200": (("images.txt", "image_class_labels.txt", "classes.txt"), _cub200),
    "cars196": (("cars_annos.mat",), _cars196),
    "sop": (("Ebay_train.txt", "Ebay_test.txt"), _sop),
}
