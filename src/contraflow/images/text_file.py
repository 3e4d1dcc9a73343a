"""A file of texts without images, for looking at them by a trained encoder."""

from pathlib import Path

import numpy as np

from contraflow.encoded.splits import UNLABELLED
from contraflow.foundations.errors import UserError
from contraflow.foundations.tables import read_table
from contraflow.images.listing import Part
from contraflow.images.table import sorted_classes


def list_texts(file: Path) -> tuple[list[str], Part]:
    """The texts of a file, each called by its line, and the names of their classes.

    A CSV file has a column `text`, and where wanted `label`, which may be empty; of others nothing is read. A file
    `.txt` has a text a line; empty lines are none.

    Raises:
        UserError: it is another kind of file, not UTF-8, holds no texts, or a row has an empty one.
    """
    if file.suffix == ".txt":
        lines, texts = _lines(file)
        labels = [""] * len(texts)
    elif file.suffix == ".csv":
        lines, texts, labels = _columns(file)
    else:
        raise UserError(
            f"{file} must be a folder of images, a .csv file with the column text, or a .txt with one a line"
        )
    if not texts:
        raise UserError(f"{file} holds no texts")
    classes = sorted_classes({name for name in labels if name})
    places = {name: place for place, name in enumerate(classes)} | {"": UNLABELLED}
    numbers = np.array([places[name] for name in labels], np.int64)
    return classes, Part([f"line {line}" for line in lines], numbers, texts=[[text] for text in texts])


def _lines(file: Path) -> tuple[list[int], list[str]]:
    try:
        with file.open(encoding="utf-8-sig") as opened:
            stripped = [line.strip() for line in opened]
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not a text file in UTF-8 ({error})") from None
    said = [(number, line) for number, line in enumerate(stripped, 1) if line]
    return [number for number, _ in said], [line for _, line in said]


def _columns(file: Path) -> tuple[list[int], list[str], list[str]]:
    header, rows, lines = read_table(file, must=f"{file} must be a CSV file", rows="texts")
    if header.count("text") != 1:
        raise UserError(f"{file} needs a column text, separated by commas: found {', '.join(header)}")
    texts = [row[header.index("text")].strip() for row in rows]
    empty = [line for line, text in zip(lines, texts, strict=True) if not text]
    if empty:
        raise UserError(f"{file}: text must not be empty, as it is in line {', '.join(map(str, empty))}")
    labels = [row[header.index("label")].strip() if "label" in header else "" for row in rows]
    return lines, texts, labels
