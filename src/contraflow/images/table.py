"""A CSV file that lists the user's images with their labels, and with their order where they have one."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path

import numpy as np

from contraflow.encoded.kin import GROUP
from contraflow.encoded.splits import UNLABELLED
from contraflow.foundations.errors import UserError
from contraflow.foundations.tables import read_table
from contraflow.images.listing import Listing, Part, as_splits, list_folder, printable, split_called, strange

REQUIRED = ("path", "label")
ALONE = ("text", "label")  # required where texts are alone
OPTIONAL = ("split", "group", "order", "role", "text")
ROLES = ("query", "gallery")


def list_images(path: Path, table: str | None) -> Listing:
    """The images of the folder `path`: where `table` is None those that lie in it (see `list_folder`), else those of
    this CSV file, given relative to the folder, with one row an image, or where there is a column `text`, one a text.

    Columns, in any order and with others beside them:
        path: of the image, relative to the folder.
        label: its class, as text; empty where there is none.
        split: `train`, `val` or `test`, as folders may be called (see `list_folder`), and like these `val` without
            `test` is the test set; without the column, test images are drawn.
        group: what the image belongs to: a film, a patient, a place. Groups are never neighbours in order. An image
            for which it is empty is alone.
        order: the image's place in its group, a number or an ISO 8601 time; without the column, that of its row.
        role: of a test image, `query` or `gallery`: whether retrieval looks for others like it, or finds it; empty for
            the others. Without any, each test image is both.
        text: What is said of the image, in any language. An image of which more is said has more rows, which differ in
            nothing else.

    Without the column `path` each row is a text that is alone, in the place of an image, and called by its line.

    With `group` or `order` the images are sorted by both and get positions, else they are sorted by path and get none.

    Raises:
        UserError: the file is missing or not such a table; what is wrong is named with its lines, all of it at once.
    """
    if table is None:
        return list_folder(path)
    file = path / table
    if not path.is_dir():
        raise UserError(f"data.path must be a folder of images where data.name is folder, got {path}")
    if _outside(table):
        raise UserError(f"data.table must lie inside data.path, so that DVC sees it change, got {table}")
    columns = _Columns(file)
    labels, classes = _labels(columns)
    positions = _positions(columns)
    by = columns.by if positions is None else positions
    order = np.array(sorted(range(len(by)), key=by.__getitem__), np.int64)
    every = Part(columns.names, labels, positions, texts=columns.texts).take(order)
    if "split" not in columns.content:
        return Listing(classes, every, None, columns.unused, alone=columns.alone)
    splits = as_splits(sorted(set(columns["split"])), columns.file)
    every = replace(every, roles=_roles(columns, splits.get("test"), order))
    split = np.array(columns["split"])[order]
    parts = {name: every.take(np.flatnonzero(split == name)) for name in splits.values()}
    train = parts.pop(splits.get("train"), every.take(np.array([], np.int64)))
    test = parts.get(splits.get("test"), every.take(np.array([], np.int64)))
    _check_split(columns, classes, train, test, parts)
    if "validation" in splits:
        train = every.take(np.flatnonzero(split != splits["test"]))
        train = replace(train, held_out=split[split != splits["test"]] == splits["validation"])
    return Listing(classes, train, test, columns.unused, splits, columns.alone)


def require_size(listing: Listing, size: int | None, table: str | None) -> None:
    """Refuse a size in pixels of texts that are alone, and images without one.

    Raises:
        UserError: such are listed.
    """
    if listing.alone and size is not None:
        raise UserError(f"data.image_size must be null where texts are alone, as in {table} without path, got {size}")
    if not listing.alone and size is None:
        raise UserError(f"data.image_size must be a number of pixels where {table} has the column path, got null")


class _Columns:
    """The known columns of a table, as lists of text that are checked one by one, one entry an image.

    `lines` are those that the images first stand in, `unused` the names of the other columns, `texts` those of each
    image; empty without the column. Texts are `alone` where there are no paths.
    """

    def __init__(self, file: Path):
        self.file = file
        header, rows, self.lines = read_table(
            file, must="data.table must be a CSV file inside of data.path", rows="images or texts"
        )
        self.alone = "path" not in header and "text" in header
        required = ALONE if self.alone else REQUIRED
        missing = [name for name in required if name not in header]
        alone = "; where texts are alone, text takes the place of path" if missing[:1] == ["path"] else ""
        if missing:
            raise UserError(
                f"{file} needs the columns {', '.join(required)}, separated by commas, and has no {missing[0]}: "
                f"found {', '.join(header)}{alone}"
            )
        doubled = [name for name, n in Counter(header).items() if n > 1 and name in REQUIRED + OPTIONAL]
        if doubled:
            raise UserError(f"{file} has the column {doubled[0]} twice")
        used = [name for name in REQUIRED + OPTIONAL if name in header]
        self.unused = [name for name in header if name not in used]
        self.content = {name: [row[header.index(name)].strip() for row in rows] for name in used}
        if self.alone:
            self.check("text", bool, "must not be empty")
            self.texts = [[text] for text in self["text"]]
        else:
            self.content["path"] = [os.path.normpath(name) if name else "" for name in self["path"]]
            self.check("path", lambda name: name and not _outside(name), "must be a path inside of data.path")
            self.texts = self._texts() if "text" in used else []
            twice = {name for name, n in Counter(self["path"]).items() if n > 1}
            self.check("path", lambda name: name not in twice, "must name each image once")
        if "split" in used:
            self.check("split", split_called, "must be train, val or test")
        elif any(self.content.get("role", [])):
            raise UserError(f"{file}: the column role needs the column split, since roles are those of test images")

    def __getitem__(self, name: str) -> list[str]:
        return self.content[name]

    @property
    def names(self) -> list[str]:
        """What each image is called: its path, a text by its line."""
        return [f"line {line}" for line in self.lines] if self.alone else self["path"]

    @property
    def by(self) -> Sequence:
        """What images are sorted by where they have no order."""
        return self.lines if self.alone else self["path"]

    def _texts(self) -> list[list[str]]:
        """Those of each image, of whose rows the first alone stays."""
        self.check("text", bool, "must not be empty")
        rows: dict[str, list[int]] = {}
        for row, path in enumerate(self["path"]):
            rows.setdefault(path, []).append(row)
        firsts = [rows[path][0] for path in self["path"]]
        texts = self.content.pop("text")
        for name, values in self.content.items():
            same = [value == values[first] for value, first in zip(values, firsts, strict=True)]
            self.require(name, same, "must be the same in all rows of an image")
        kept = [own[0] for own in rows.values()]
        self.content = {name: [values[row] for row in kept] for name, values in self.content.items()}
        self.lines = [self.lines[row] for row in kept]
        return [list(dict.fromkeys(texts[row] for row in own)) for own in rows.values()]

    def check(self, name: str, allowed: Callable[[str], object], rule: str) -> None:
        self.require(name, [bool(allowed(value)) for value in self[name]], rule)

    def require(self, name: str, right: Sequence[bool], rule: str) -> None:
        wrong = [
            f"\n  {value!r} in line {line}"
            for value, line, is_right in zip(self[name], self.lines, right, strict=True)
            if not is_right
        ]
        if wrong:
            raise UserError(f"{self.file}: {name} {rule}, got{''.join(wrong)}")


def _outside(name: str) -> bool:
    return os.path.isabs(name) or os.path.normpath(name).split(os.sep)[0] == os.pardir


def _labels(columns: _Columns) -> tuple[np.ndarray, list[str]]:
    """Labels (N,) and the names of the classes: by number where all are numbers, else by name."""
    names = {name for name in columns["label"] if name}
    if len(names) == 1:
        raise UserError(
            f"{columns.file} has a single label, {names.pop()}: give two or more, or leave the column empty to use the "
            "images without labels"
        )
    classes = sorted_classes(names)
    places = {name: place for place, name in enumerate(classes)} | {"": UNLABELLED}
    return np.array([places[name] for name in columns["label"]], np.int64), classes


def sorted_classes(names: set[str]) -> list[str]:
    """By number where all are numbers, else by name."""
    return sorted(names, key=int) if all(map(str.isdecimal, names)) else sorted(names)


def _positions(columns: _Columns) -> np.ndarray | None:
    """Place of each image in its group, groups `GROUP` apart: (N,) int64; None without `group` and `order`."""
    if not {"group", "order"} & columns.content.keys():
        return None
    n = len(columns.lines)
    names = columns.content.get("group", ["all"] * n)
    groups = [(name, 0 if name else row) for row, name in enumerate(names)]
    keys = _order_keys(columns) if "order" in columns.content else range(n)
    order = sorted(range(n), key=lambda i: (groups[i], keys[i]))
    positions = np.empty(n, np.int64)
    for group, (_, members) in enumerate(groupby(order, key=groups.__getitem__)):
        for place, i in enumerate(members):
            positions[i] = group * GROUP + place
    return positions


def _roles(columns: _Columns, test: str | None, order: np.ndarray) -> np.ndarray | None:
    """Roles (N,) of the images in this order, empty for others than those of the split `test`; None where there are
    none."""
    if not any(columns.content.get("role", [])):
        return None
    pairs = list(zip(columns["role"], columns["split"], strict=True))
    right = [role in ROLES if split == test else not role for role, split in pairs]
    columns.require("role", right, f"must be {' or '.join(ROLES)} for test images, and empty for others")
    for role in ROLES:
        if (role, test) not in pairs:
            raise UserError(f"{columns.file}: the column role names no test image {role}")
    return np.array(columns["role"])[order]


def _order_keys(columns: _Columns) -> list[Decimal] | list[datetime]:
    for parse in (_number, _time):
        keys = [parse(text) for text in columns["order"]]
        if None not in keys and len({getattr(key, "tzinfo", None) is None for key in keys}) == 1:
            return keys
    numbers = sum(_number(text) is not None for text in columns["order"])
    allowed = _number if 2 * numbers > len(columns.lines) else _time
    rule = "must be numbers, or ISO 8601 times that all have a time zone or none"
    columns.check("order", lambda text: allowed(text) is not None, rule)
    raise UserError(f"{columns.file}: order {rule}; some have one")


def _number(text: str) -> Decimal | None:
    with suppress(InvalidOperation):
        number = Decimal(text)
        return number if number.is_finite() else None
    return None


def _time(text: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    return None


def _check_split(columns: _Columns, classes: list[str], train: Part, test: Part, apart: dict[str, Part]) -> None:
    """`train` are the images that are trained on, `apart` those of the other splits by what the table calls them."""
    for name, part in (("train", train), ("test", test)):
        if not len(part):
            raise UserError(f"{columns.file}: the column split names no image {name}")
    for name, part in apart.items() if classes else ():
        bare = [printable(part.names[i]) for i in np.flatnonzero(part.labels == UNLABELLED)]
        if bare:
            raise UserError(
                f"{columns.file}: {name} images need labels where others have some; none has\n  " + "\n  ".join(bare)
            )
        if only := strange(part.labels, train.labels, test.labels):
            raise UserError(
                f"{columns.file}: no training image has the label {classes[min(only)]} of some {name} images; test "
                "classes may be new where all of them are, and the training has two or more (docs/data.md)"
            )
