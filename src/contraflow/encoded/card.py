"""The data card, which says what the encoded files hold, and the files themselves opened by it."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import Field

from contraflow.encoded.beton import open_beton
from contraflow.encoded.claim import claimed
from contraflow.encoded.names import (
    COPIES,
    FILES,
    GROUPS,
    POSITIONS,
    ROLES,
    TEST,
    TEXTS,
    TOKENIZER,
    TRAIN,
    VALIDATION,
)
from contraflow.encoded.texts import PARTS, Texts
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import read_json, sha256, write_json
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance, Record

_SPOTS, _SPOT = 64, 2**16  # bytes


def spot_digest(path: Path) -> str:
    """SHA-256 of a file's beginning, its end and spots between them, 4 MiB in all, in milliseconds.

    It tells a file of other images, however large; a single changed bit it finds in smaller files only.
    """
    digest, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        for i in range(_SPOTS):
            file.seek(i * max(0, size - _SPOT) // (_SPOTS - 1))
            digest.update(file.read(_SPOT))
    return digest.hexdigest()


class Amount(Record):
    """How many images, and of those with labels how many of each class; empty without labels, and of `validation`."""

    images: int
    per_class: list[int] = Field(default_factory=list)


class Repeats(Record):
    """How many images equal others, and of the first ones the name beside that of the image that it equals."""

    images: int
    listed: list[list[str | int]]


class Wording(Record):
    """The texts of images.

    Attributes:
        train, test: How many.
        vocabulary: Tokens that the tokenizer has.
        characters, tokens: Of a text of `train`, the least, the median and the most.
        scripts: How many of `train` have a letter of each script, by the first word of its Unicode name; most first.
        repeated: How many of `train` say what an earlier one says.
        shared: How many of `test` a training image has, too, with the first of them `listed`.
    """

    train: int
    test: int
    vocabulary: int
    characters: list[int]
    tokens: list[int]
    scripts: dict[str, int]
    repeated: int
    shared: int
    listed: list[str]


class Card(Record):
    """What an encoded data set holds.

    Of texts that are alone `image_size` and `channels` are 0, and what is said here of images holds of texts.
    `mean` and `std` are those of all images in `train.beton`, one number a channel, on the scale 0 to 1. `train` counts
    the validation images too. `classes`, empty where there are no labels, give the order of `per_class`. `splits` tells
    what the user calls each of `train`, `validation` and `test` that he keeps apart; others of a folder were drawn.
    `skipped` names broken image files that were left out, `not_taken` counts by their endings the files of the folder
    that are no images, or not among those asked for. `duplicates` are training images that equal an earlier one,
    `leaks` test images that equal a training image (see `contraflow.images.facts`). `texts` is None where no image has
    one. `tested` stands for the test, and figures of other tests are not compared: SHA-256 of `test.beton`, or of texts
    alone that of what they say, with their labels, groups and roles. `bytes`, `digests` (SHA-256) and `spots`
    (`spot_digest`) are those of the other files.
    """

    name: str
    classes: list[str]
    image_size: int
    channels: int
    mean: list[float]
    std: list[float]
    train: Amount
    validation: Amount
    test: Amount
    splits: dict[str, str]
    skipped: list[str]
    not_taken: dict[str, int]
    duplicates: Repeats
    leaks: Repeats
    texts: Wording | None = None
    tested: str
    bytes: dict[str, int]
    digests: dict[str, str]
    spots: dict[str, str]
    provenance: Provenance

    @property
    def labelled(self) -> bool:
        return bool(self.classes)

    @property
    def items(self) -> str:
        """What it holds: images, perhaps with texts, or texts alone."""
        return "images" if self.image_size else "texts"

    @property
    def unseen(self) -> bool:
        """Whether there are classes, and no training image is of one that a test image has."""
        tested = any(self.test.per_class)
        return tested and not any(n and m for n, m in zip(self.train.per_class, self.test.per_class, strict=True))

    @property
    def vocabulary(self) -> int:
        """Tokens that texts are made of; 0 where there are none."""
        return self.texts.vocabulary if self.texts else 0

    @property
    def loading(self) -> dict:
        """What a loader is told of the images: their normalisation and their size."""
        return {"mean": self.mean, "std": self.std, "size": self.image_size}

    def write(self, path: Path) -> None:
        write_json(path, self.content())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the card of a folder.

        Raises:
            UserError: it is missing, perhaps because another process is writing the folder, is damaged, or of another
                version.
        """
        if not path.exists() and claimed(path.parent):
            raise UserError(f"{path.parent} is being written by another process: wait until its step encode has ended")
        return cls.of_content(read_json(path), path)


@dataclass(frozen=True)
class EncodedData:
    """The files that the step encode wrote into one folder. `digest` (SHA-256 of the card) stands for all of them."""

    folder: Path
    card: Card
    digest: str

    @classmethod
    def open(cls, path: Path) -> "EncodedData":
        """Open an encoded data set by its card, beside which the other files lie.

        Raises:
            UserError: a file is missing, cut short, of another data set or damaged, or all are just being written.
        """
        card = Card.read(path)
        for name in FILES:
            file = path.with_name(name)
            if not file.is_file():
                raise UserError(f"{file} is missing: run the step encode again")
            size = file.stat().st_size
            if size != card.bytes[name]:
                raise UserError(
                    f"{file} has {size} bytes, but {path} says {card.bytes[name]}: run the step encode again"
                )
            if spot_digest(file) != card.spots[name]:
                raise UserError(
                    f"{file} is not the file that {path} describes, but of another data set or damaged: "
                    "run the step encode again"
                )
        return cls(path.parent, card, sha256(path))

    @property
    def train_beton(self) -> Path:
        return self.folder / TRAIN

    @property
    def test_beton(self) -> Path:
        return self.folder / TEST

    def beton(self, part: str) -> Path:
        """The file of the images of `train` or `test`."""
        return {"train": self.train_beton, "test": self.test_beton}[part]

    @cached_property
    def validation(self) -> np.ndarray:
        """Sorted int64 indices into `train.beton` of the images held out for choices."""
        return np.load(self.folder / VALIDATION)

    @cached_property
    def positions(self) -> np.ndarray:
        """Place in order of each image of `train.beton`, int64; images of different groups lie far apart."""
        return np.load(self.folder / POSITIONS)

    @cached_property
    def groups(self) -> np.ndarray:
        """Number of the group of each image of `test.beton`, int64; all are of one where the data has no groups."""
        return np.load(self.folder / GROUPS)

    @cached_property
    def gallery(self) -> np.ndarray | None:
        """Which images of `test.beton` are searched by the others, bool; None where the data names no queries."""
        roles = np.load(self.folder / ROLES)
        return roles == "gallery" if roles.any() else None

    @cached_property
    def copies(self) -> np.ndarray:
        """Of each image of `train.beton` the first that it equals pixel by pixel, int64: itself where it is no copy."""
        return np.load(self.folder / COPIES)

    @cached_property
    def texts(self) -> dict[str, Texts]:
        """Those of the images of `train.beton` and of `test.beton`, by `train` and `test`."""
        arrays, _ = load_arrays(self.folder / TEXTS)
        return {part: Texts.from_arrays(arrays, part) for part in PARTS}

    @cached_property
    def around(self) -> tuple[int, int]:
        """How many tokens stand before and behind every text."""
        from contraflow.encoded.tokens import around  # images alone are spared the library

        return around(self.tokenizer)

    @cached_property
    def tokenizer(self) -> str:
        """By which texts have become tokens: JSON, as `contraflow.encoded.tokens` takes it."""
        return (self.folder / TOKENIZER).read_text(encoding="utf-8")

    @cached_property
    def training(self) -> np.ndarray:
        """Sorted int64 indices into `train.beton` of the images that are trained on: all but the held out."""
        return np.setdiff1d(np.arange(self.card.train.images), self.validation, assume_unique=True)

    def labels(self, split: str) -> np.ndarray:
        """Labels (N,) int64 of `train` (the whole file), `training`, `validation` or `test`; -1 for none."""
        if split not in ("train", "training", "validation", "test"):
            raise ValueError(f"split must be train, training, validation or test, got {split!r}")
        part = "test" if split == "test" else "train"
        labels = (self.texts[part] if self.card.items == "texts" else open_beton(self.beton(part))).labels
        indices = {"training": self.training, "validation": self.validation}.get(split)
        return labels if indices is None else labels[indices]
