"""Any folder of images, however it is laid out: which files there are, and which class their folders say."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contraflow.data.listing import UNLABELLED, images_below, printable
from contraflow.data.pictures import SUFFIXES
from contraflow.errors import UserError


@dataclass(frozen=True)
class Unsorted:
    """Images below a folder.

    Attributes:
        names: Paths relative to the folder, with `/`, sorted.
        labels: Indices into `classes`, (N,) int64, -1 for none.
        classes: Names of the class folders that hold images, sorted.
    """

    names: list[str]
    labels: np.ndarray
    classes: list[str]


def list_unsorted(folder: Path) -> Unsorted:
    """Find all images below `folder`. What lies in a folder inside it has that folder's class, as in training; where
    there are `train` and `test`, the class folders are in those.

    Raises:
        UserError: the folder is missing or holds no images.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: name one that holds images")
    names = sorted(images_below(folder))
    if not names:
        raise UserError(f"{folder} holds no images (files ending in {', '.join(SUFFIXES)})")
    depth = 1 if (folder / "train").is_dir() and (folder / "test").is_dir() else 0
    folders = [name.split("/")[:-1] for name in names]
    found = [parts[depth] if len(parts) > depth else None for parts in folders]
    classes = sorted({name for name in found if name is not None})
    places = {name: label for label, name in enumerate(classes)}
    labels = np.array([places.get(name, UNLABELLED) for name in found], np.int64)
    return Unsorted(names, labels, [printable(name) for name in classes])
