"""The user's own folder of images: which files there are, and what their labels are."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contraflow.encoded.splits import UNLABELLED
from contraflow.foundations.errors import UserError
from contraflow.images.decoding import is_picture

_TOLD = 10  # endings that a sentence names
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev", "development"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_ENDING = re.compile("[ _-]?(set|split|data|images)$")  # train_set, TestImages
# What systems and their file managers put beside a user's files.
_OF_THE_SYSTEM = {
    *("__macosx", "@eadir", "@__thumb", "#recycle", "$recycle.bin", "system volume information", "lost+found"),
    *("thumbs.db", "desktop.ini"),
}


def printable(name: str) -> str:
    """A file name as text that can be printed and stored, whatever bytes the file system holds."""
    return os.fsencode(name).decode("utf-8", errors="replace")


@dataclass(frozen=True)
class Part:
    """Files below one folder, in the order in which they are stored.

    Attributes:
        names: Paths relative to data.path, with `/`.
        labels: (N,) int64, -1 for none.
        positions: Place of each in its group, `kin.GROUP` apart, (N,) int64 rising; None where there is no order.
        held_out: (N,) bool, whether the user keeps it for validation; None where that is left to a draw.
        roles: Of test images, (N,) text: `query`, or `gallery`; None where each is both.
        texts: Those of each image, at least one; empty where no image has any.
    """

    names: list[str]
    labels: np.ndarray
    positions: np.ndarray | None = None
    held_out: np.ndarray | None = None
    roles: np.ndarray | None = None
    texts: Sequence[Sequence[str]] = ()

    def __len__(self) -> int:
        return len(self.names)

    def take(self, indices: np.ndarray) -> "Part":
        kept = (self.positions, self.held_out, self.roles)
        more = (None if values is None else values[indices] for values in kept)
        texts = [self.texts[i] for i in indices] if self.texts else ()
        return Part([self.names[i] for i in indices], self.labels[indices], *more, texts)


@dataclass(frozen=True)
class Listing:
    """All images of a folder, or texts that are `alone`. `train` has the validation images, too; `test` is None where
    it is to be drawn. `unused` names columns of a table that mean nothing here, `splits` what the user calls each of
    `train`, `validation` and `test` that he keeps apart: by the name of a folder, or a value of the column `split`.
    """

    classes: list[str]
    train: Part
    test: Part | None
    unused: Sequence[str] = ()
    splits: dict[str, str] = field(default_factory=dict)
    alone: bool = False

    def named(self) -> set[str]:
        """The files of all its images."""
        return set() if self.alone else {*self.train.names, *(self.test.names if self.test else ())}


def split_called(name: str) -> str | None:
    """Which of `train`, `validation` and `test` is meant by a name, whatever its case; None for another name."""
    plain = _ENDING.sub("", name.casefold())
    return next((split for split, names in _SPLITS.items() if plain in names), None)


def as_splits(names: Iterable[str], where: Path | str) -> dict[str, str]:
    """What each split is called, of those among `names`; a validation set without a test set serves as the test set.

    Choices are made on validation images, so what is measured on the only images that are kept apart stays honest when
    the images to choose by are drawn from the training images.

    Raises:
        UserError: two names mean the same split.
    """
    splits: dict[str, str] = {}
    for name in names:
        if split := split_called(name):
            if split in splits:
                raise UserError(f"{where} has both {splits[split]} and {name}, which mean the same: make them one")
            splits[split] = name
    if "validation" in splits and "test" not in splits:
        splits["test"] = splits.pop("validation")
    return splits


def list_folder(path: Path) -> Listing:
    """Find the images below `path`: one subfolder a class, or all directly inside and without labels.

    With a folder for training inside (`train`, `training`), and others for validation (`val`, `valid`, `validation`,
    `dev`) or for the test (`test`, `testing`, `eval`), also with an ending as in `train_set` or `test_images`, each of
    them is laid out like that, and what lies beside them is not taken. Files and folders are ignored whose names begin
    with a dot or are a system's, and so is every file that has not the ending of a picture.

    Raises:
        UserError: the folder is missing, holds no images, mixes images and class folders, has an empty class or a
            single one, or keeps images of a class apart of which there are none for training (see `strange`).
    """
    if not path.is_dir():
        raise UserError(f"data.path must be a folder of images where data.name is folder, got {path}")
    splits = _split_folders(path)
    if splits and "train" not in splits:
        raise UserError(f"{path} has {splits['test']} and no train: put the images to train on into {path / 'train'}")
    train = _Below(path / splits.get("train", ""))
    below = {"train": train} | {split: _Below(path / name) for split, name in splits.items() if split != "train"}
    if classes := train.training_classes():
        classes += sorted({name for images in below.values() for name in images.filled} - set(classes))
    parts = {split: images.part(path, classes) for split, images in below.items()}
    every = parts["train"]
    for split, part in parts.items() if "test" in parts else ():
        if only := strange(part.labels, every.labels, parts["test"].labels):
            raise UserError(
                f"{below[split].folder}: no training image has the class {printable(classes[min(only)])}: give it a "
                "folder among the training images, or remove it"
            )
    if held_out := parts.get("validation"):
        every = Part(
            every.names + held_out.names,
            np.concatenate([every.labels, held_out.labels]),
            held_out=np.repeat([False, True], [len(every), len(held_out)]),
        )
    return Listing([printable(name) for name in classes], every, parts.get("test"), splits=splits)


def _split_folders(path: Path) -> dict[str, str]:
    """What the folders of `path` that hold splits are called; nothing where its folders are classes."""
    entries = sorted(_visible(path), key=lambda entry: entry.name)
    called = [entry.name for entry in entries if entry.is_dir() and split_called(entry.name)]
    alone = not any(
        any(images_below(path / entry.name)) if entry.is_dir() else _is_image(entry)
        for entry in entries
        if entry.name not in called
    )
    with_train = any(split_called(name) == "train" for name in called)
    return as_splits(called, path) if alone or (with_train and len(called) > 1) else {}


def strange(labels: np.ndarray, training: np.ndarray, test: np.ndarray) -> set[int]:
    """Those among the labels of a split (N,) that training lacks although it should have them.

    It may lack all of them, where it has two classes or more and none of the test's: then images of new classes are
    searched for, as is usual where what is measured is retrieval.
    """
    known, own = set(training.tolist()) - {UNLABELLED}, set(labels.tolist()) - {UNLABELLED}
    retrieval = len(known) > 1 and known.isdisjoint(test.tolist())
    return set() if retrieval and known.isdisjoint(own) else own - known


class _Below:
    """The images in one folder: directly inside (`loose`), and by the folders in it (`below`)."""

    def __init__(self, folder: Path):
        self.folder = folder
        entries = _visible(folder)
        self.loose = sorted(entry.name for entry in entries if _is_image(entry))
        self.below = {entry.name: sorted(images_below(folder / entry.name)) for entry in entries if entry.is_dir()}
        self.filled = {name: images for name, images in self.below.items() if images}
        if self.loose and self.filled:
            raise UserError(
                f"{folder} must hold either images or one folder a class, but holds both: {printable(self.loose[0])} "
                f"lies beside the folder {printable(min(self.filled))}"
            )
        if not self.loose and not self.filled:
            raise no_images(folder)

    def training_classes(self) -> list[str]:
        """Names of the class folders, sorted; none where there are no labels."""
        if self.loose:
            return []
        classes = sorted(self.below)
        empty = [printable(name) for name in classes if not self.below[name]]
        if empty:
            raise UserError(f"{self.folder}: the class folder {empty[0]} holds no images: fill it or remove it")
        if len(classes) == 1:
            only = printable(classes[0])
            raise UserError(
                f"{self.folder} has a single class folder, {only}: make it two or more, or put the images directly "
                f"into {self.folder} to use them without labels; if {only} holds the classes, name it in data.path"
            )
        return classes

    def part(self, root: Path, classes: list[str]) -> Part:
        """The images with paths relative to `root`, labelled by their places in `classes`."""
        prefix = "" if self.folder == root else f"{self.folder.name}/"
        if bool(self.loose) == bool(classes):
            here, there = ("no class folders", "have some") if classes else ("class folders", "have none")
            raise UserError(f"{self.folder} has {here}, but the training images {there}: lay both out alike")
        if self.loose:
            return Part([prefix + name for name in self.loose], np.full(len(self.loose), UNLABELLED, np.int64))
        named = sorted(
            (f"{prefix}{name}/{file}", label) for label, name in enumerate(classes) for file in self.below.get(name, [])
        )
        return Part([name for name, _ in named], np.array([label for _, label in named], np.int64))


def _visible(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return [
                entry
                for entry in entries
                if not entry.name.startswith(".") and entry.name.casefold() not in _OF_THE_SYSTEM
            ]
    except PermissionError:
        raise UserError(f"{printable(str(folder))} cannot be opened: you have no permission to") from None


def _is_image(entry: os.DirEntry) -> bool:
    return is_picture(entry.name) and _is_file(entry)


def _is_file(entry: os.DirEntry) -> bool:
    # A link to nowhere counts, for its owner took it for a file.
    return entry.is_file() or (entry.is_symlink() and not entry.is_dir())


def images_below(folder: Path) -> Iterator[str]:
    """Paths of all images in `folder`, however deep, relative to it and in no order."""
    return filter(is_picture, _files_below(folder))


def _files_below(folder: Path, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Paths of all files. Linked folders are followed, but never into a folder that leads here."""
    here = os.path.realpath(folder)
    if here in above:
        return
    for entry in _visible(folder):
        if entry.is_dir():
            yield from (f"{entry.name}/{file}" for file in _files_below(folder / entry.name, (*above, here)))
        elif _is_file(entry):
            yield entry.name


def endings(folder: Path, besides: Iterable[str] = ()) -> dict[str, int]:
    """How many files below `folder` have which ending, but for those named in `besides`; the most frequent first."""
    named = set(besides)
    found = Counter(
        printable(os.path.splitext(name)[1].lower()) or "no ending"
        for name in _files_below(folder)
        if name not in named
    )
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def describe_endings(counts: dict[str, int]) -> str:
    """`12 .txt, 1 .csv`; of many endings those of the most files."""
    first = [f"{n} {ending}" for ending, n in counts.items()][:_TOLD]
    return ", ".join([*first, f"{len(counts) - _TOLD} more endings"] if len(counts) > _TOLD else first)


def no_images(folder: Path) -> UserError:
    """A folder holds no images; what it holds instead."""
    found = describe_endings(endings(folder))
    return UserError(f"{folder} holds no images{f', but {found}, which are not read' if found else ''}")


def list_unsorted(folder: Path) -> tuple[list[str], Part]:
    """Find all images below `folder`, sorted by name, and the names of the class folders that hold some, sorted.

    What lies in a folder inside it has that folder's class, as in training; where there are folders for training and
    for the test, the class folders are in those.

    Raises:
        UserError: the folder is missing or holds no images.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: name one that holds images")
    names = sorted(images_below(folder))
    if not names:
        raise no_images(folder)
    depth = 1 if _split_folders(folder) else 0
    folders = [name.split("/")[:-1] for name in names]
    found = [parts[depth] if len(parts) > depth else None for parts in folders]
    classes = sorted({name for name in found if name is not None})
    places = {name: label for label, name in enumerate(classes)}
    labels = np.array([places.get(name, UNLABELLED) for name in found], np.int64)
    return [printable(name) for name in classes], Part(names, labels)
