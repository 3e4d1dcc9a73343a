"""Texts, of images beside the files of these or alone: which are whose, what they say, and their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

PARTS = ("train", "test")
PADDING = 0  # the token that only fills up what is shorter than others
Numbers = TypeVar("Numbers")


@dataclass(frozen=True)
class Rows:
    """Rows of different lengths, one after the other.

    Attributes:
        values: Of all, (M,).
        begins: (N + 1,) int64: row i lies in `values` from `begins[i]` to `begins[i + 1]`.
    """

    values: np.ndarray
    begins: np.ndarray

    def __len__(self) -> int:
        return len(self.begins) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.begins[row] : self.begins[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """(N,) int64."""
        return np.diff(self.begins)

    def padded(self, rows: np.ndarray, most: int) -> np.ndarray:
        """The first values of some rows (n,), `most` at most, filled up with 0: (n, most) int64."""
        place = np.arange(most)
        inside = place < self.lengths[rows, None]
        found = np.zeros(inside.shape, np.int64)
        found[inside] = self.values[(self.begins[rows, None] + place)[inside]]
        return found

    def take(self, rows: np.ndarray) -> Self:
        """Some of them (n,), in this order."""
        return type(self).of([self[row] for row in rows], self.values.dtype)

    @classmethod
    def of(cls, rows: Sequence[np.ndarray], dtype: type) -> Self:
        lengths = np.array([len(row) for row in rows], np.int64)
        return cls(np.concatenate([np.empty(0, dtype), *rows]).astype(dtype), np.append(0, lengths.cumsum()))


@dataclass(frozen=True)
class Texts:
    """The texts of the images of one file, those of an image side by side.

    Attributes:
        begins: (images + 1,) int64: image i has the texts from `begins[i]` to `begins[i + 1]`.
        said: UTF-8 of each text.
        tokens: Of each text, int32.
        labels: Of each text, (texts,) int64, where they are alone: else the file of their images has them.
    """

    begins: np.ndarray
    said: Rows
    tokens: Rows
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.said)

    def __getitem__(self, text: int) -> str:
        return self.said[text].tobytes().decode()

    @property
    def image(self) -> np.ndarray:
        """The image of each text, (texts,) int64."""
        return np.repeat(np.arange(len(self.begins) - 1), np.diff(self.begins))

    def drawn(self, *, seed: int, epoch: int) -> np.ndarray:
        """One text of each image, all as likely, (images,) int64: a function of the seed, the epoch and the image.

        Every image must have one.
        """
        draw = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64), counter=[0, 0, 0, 2]))
        counts = np.diff(self.begins)
        return self.begins[:-1] + (draw.random(len(counts)) * counts).astype(np.int64)

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], tokens: Sequence[np.ndarray], labels: Sequence[int] = ()) -> Self:
        """Of the texts of each image, and the tokens of all these texts; with their labels where they are alone."""
        said = [np.frombuffer(text.encode(), np.uint8) for of_image in texts for text in of_image]
        begins = np.append(0, np.cumsum([len(of_image) for of_image in texts], dtype=np.int64))
        return cls(begins, Rows.of(said, np.uint8), Rows.of(tokens, np.int32), np.array(labels, np.int64))

    def arrays(self, part: str) -> dict[str, np.ndarray]:
        """As a file has them, under names that begin with the `part`."""
        rows = {"said": self.said, "tokens": self.tokens}
        found = {f"{name}_{kind}": getattr(each, kind) for name, each in rows.items() for kind in ("values", "begins")}
        found |= {"begins": self.begins, "labels": self.labels}
        return {f"{part}_{name}": array for name, array in found.items()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], part: str) -> Self:
        said, tokens = (
            Rows(arrays[f"{part}_{name}_values"], arrays[f"{part}_{name}_begins"]) for name in ("said", "tokens")
        )
        return cls(arrays[f"{part}_begins"], said, tokens, arrays[f"{part}_labels"])


def exchanged(tokens: Numbers, filling: int) -> Numbers:
    """Tokens, as numpy or torch has them, with `PADDING` and `filling` in each other's place."""
    return tokens + filling * (tokens == PADDING) - filling * (tokens == filling)
