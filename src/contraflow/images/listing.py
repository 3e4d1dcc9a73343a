"""The user's own folder of images: which files there are, what their labels are, and which are kept for the test."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contraflow.encoded.splits import UNLABELLED, Draw, generator
from contraflow.foundations.errors import UserError
from contraflow.foundations.shares import part_of
from contraflow.images.decoding import SUFFIXES

GROUP = 2**32  # from the first position of a group to that of the next: more than any window


def printable(name: str) -> str:
    """A file name as text that can be printed and stored, whatever bytes the file system holds."""
    return os.fsencode(name).decode("utf-8", errors="replace")


@dataclass(frozen=True)
class Part:
    """Files below one folder, in the order in which they are stored.

    Attributes:
        names: Paths relative to data.path, with `/`.
        labels: (N,) int64, -1 for none.
        positions: Place of each in its group, groups `GROUP` apart, (N,) int64 rising; None where there is no order.
    """

    names: list[str]
    labels: np.ndarray
    positions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.names)

    def take(self, indices: np.ndarray) -> "Part":
        positions = None if self.positions is None else self.positions[indices]
        return Part([self.names[i] for i in indices], self.labels[indices], positions)


@dataclass(frozen=True)
class Listing:
    """All images of a folder. `test` is None where the folder has no `train` and `test` of its own.

    `unused` names the columns of a table that mean nothing here.
    """

    classes: list[str]
    train: Part
    test: Part | None
    unused: Sequence[str] = ()


def list_folder(path: Path) -> Listing:
    """Find the images below `path`: one subfolder a class, or all directly inside and without labels.

    With both `train` and `test` inside, each of them is laid out like that. Files and folders whose names begin with
    a dot are ignored, and so is every file that has not the suffix of an image.

    Raises:
        UserError: the folder is missing, holds no images, mixes images and class folders, has an empty class or a
            single one, or its `train` and `test` have different classes.
    """
    if not path.is_dir():
        raise UserError(f"data.path must be a folder of images where data.name is folder, got {path}")
    if not ((path / "train").is_dir() and (path / "test").is_dir()):
        classes, part = _list_part(path, path)
        return Listing(classes, part, None)
    (classes, train), (test_classes, test) = (_list_part(path / name, path) for name in ("train", "test"))
    if classes != test_classes:
        only = sorted(set(classes) ^ set(test_classes))
        raise UserError(f"{path}: train and test must have the same class folders, only one of them has {only[0]}")
    return Listing(classes, train, test)


def _list_part(folder: Path, root: Path) -> tuple[list[str], Part]:
    loose = sorted(file.name for file in _visible(folder) if _is_image(file))
    below = {entry.name: sorted(images_below(folder / entry.name)) for entry in _visible(folder) if entry.is_dir()}
    prefix = "" if folder == root else f"{folder.name}/"
    if loose and any(below.values()):
        name = next(name for name in sorted(below) if below[name])
        raise UserError(
            f"{folder} must hold either images or one folder a class, but holds both: {printable(loose[0])} lies "
            f"beside the folder {printable(name)}"
        )
    if loose:
        return [], Part([prefix + name for name in loose], np.full(len(loose), UNLABELLED, np.int64))
    if not any(below.values()):
        raise UserError(f"{folder} holds no images (files ending in {', '.join(SUFFIXES)})")
    classes = sorted(below)
    empty = [name for name in classes if not below[name]]
    if empty:
        raise UserError(f"{folder}: the class folder {printable(empty[0])} holds no images: fill it or remove it")
    if len(classes) == 1:
        raise UserError(
            f"{folder} has a single class folder, {printable(classes[0])}: make it two or more, or put the images "
            f"directly into {folder} to use them without labels"
        )
    named = sorted((f"{prefix}{name}/{file}", label) for label, name in enumerate(classes) for file in below[name])
    labels = np.array([label for _, label in named], np.int64)
    return [printable(name) for name in classes], Part([name for name, _ in named], labels)


def _visible(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except PermissionError:
        raise UserError(f"{printable(str(folder))} cannot be opened: you have no permission to") from None


def _is_image(entry: os.DirEntry) -> bool:
    # A link to nowhere counts, for its owner took it for an image.
    suffix = os.path.splitext(entry.name)[1][1:].lower()
    return suffix in SUFFIXES and (entry.is_file() or (entry.is_symlink() and not entry.is_dir()))


def images_below(folder: Path, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Paths of all images in `folder`, however deep, relative to it and in no order.

    Linked folders are followed, but never into a folder that leads here.
    """
    here = os.path.realpath(folder)
    if here in above:
        return
    for entry in _visible(folder):
        if entry.is_dir():
            yield from (f"{entry.name}/{file}" for file in images_below(folder / entry.name, (*above, here)))
        elif _is_image(entry):
            yield entry.name


def split_listing(listing: Listing, *, test_fraction: float, limit: int | None, seed: int) -> tuple[Part, Part]:
    """The training and the test images of a folder, each in the order of the listing.

    Without a split of the folder's own, `test_fraction` of each class is drawn for the test, or of ordered images that
    share of whole groups: the neighbours of a training image would say too much. Where there are labels, images without
    one are no test images. `limit` keeps that many training images, drawn as well: the first by name would all be of
    one class.
    """
    train, test = listing.train, listing.test
    if test is None:
        random = generator(seed, Draw.TEST)
        groups = np.zeros(len(train), np.int64) if train.positions is None else train.positions // GROUP
        usable = train.labels != UNLABELLED if listing.classes else np.ones(len(train), bool)
        grouped = len(np.unique(groups)) > 1
        if grouped:
            drawn = _draw_groups(groups, test_fraction, random)
        else:
            drawn = _draw_classes(train.labels, test_fraction, random) & usable
        train, test = train.take(np.flatnonzero(~drawn)), train.take(np.flatnonzero(drawn & usable))
        only = set(test.labels.tolist()) - set(train.labels.tolist())
        if grouped and only:
            raise UserError(
                f"the groups drawn for the test hold every image of the class {listing.classes[min(only)]}: give the "
                "table a column split, or change data.split_seed"
            )
    if limit is not None:
        train = train.take(np.sort(generator(seed, Draw.LIMIT).permutation(len(train))[:limit]))
    return train, test


def _draw_classes(labels: np.ndarray, fraction: float, random: np.random.Generator) -> np.ndarray:
    drawn = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        drawn[members[: round(part_of(len(members), fraction))]] = True
    return drawn


def _draw_groups(groups: np.ndarray, fraction: float, random: np.random.Generator) -> np.ndarray:
    """Whole groups until the share is reached, at least one and never all."""
    names, sizes = np.unique(groups, return_counts=True)
    order = random.permutation(len(names))
    enough = np.searchsorted(np.cumsum(sizes[order]), round(part_of(len(groups), fraction))) + 1
    return np.isin(groups, names[order[: min(enough, len(names) - 1)]])


def list_unsorted(folder: Path) -> tuple[list[str], Part]:
    """Find all images below `folder`, sorted by name, and the names of the class folders that hold some, sorted.

    What lies in a folder inside it has that folder's class, as in training; where there are `train` and `test`, the
    class folders are in those.

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
    return [printable(name) for name in classes], Part(names, labels)
