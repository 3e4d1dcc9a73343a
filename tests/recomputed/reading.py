"""The files of a run, read without the package: with FFCV, NumPy, safetensors, JSON, YAML and CSV alone."""

import csv
import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from ffcv.reader import Reader
from safetensors.torch import load_file
from torch import Tensor


class Images(NamedTuple):
    """Pixels uint8 (N, H, W, C) and classes (N,)."""

    pixels: np.ndarray
    labels: np.ndarray


class Split(NamedTuple):
    """A data set as it was encoded: all training images, which of them are held out, and the test images."""

    train: Images
    validation: np.ndarray
    test: Images
    card: dict

    @property
    def training(self) -> np.ndarray:
        """Which training images are learned from: those that are not held out."""
        held_out = set(self.validation.tolist())
        return np.array([i for i in range(len(self.train.labels)) if i not in held_out])


class Files:
    """The files that a run left in a repository."""

    def __init__(self, path: Path):
        self.path, self.results = path, path / "results"

    @cached_property
    def params(self) -> dict:
        return yaml.safe_load((self.path / "params.yaml").read_text())

    @cached_property
    def page(self) -> str:
        return (self.results / "report.html").read_text(encoding="utf-8")

    @cached_property
    def data(self) -> Split:
        return self._split(self.results / "encode")

    @cached_property
    def transfer(self) -> Split:
        return self._split(self.results / "evaluate/transfer/data")

    def json(self, name: str) -> dict:
        return json.loads((self.results / name).read_text())

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.results / name) as file:
            return {key: file[key] for key in file.files}

    def weights(self, name: str) -> dict[str, Tensor]:
        return load_file(self.results / name)

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.results / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def digest(self, path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def _split(self, folder: Path) -> Split:
        card = json.loads((folder / "card.json").read_text())
        train, test = (read_beton(folder / f"{name}.beton") for name in ("train", "test"))
        return Split(train, np.load(folder / "validation.npy"), test, card)


def read_beton(path: Path) -> Images:
    """All images of a file in FFCV's format, where they are stored as pixels: not as JPEG."""
    reader, storage = Reader(str(path)), np.fromfile(path, np.uint8)
    places, labels = reader.metadata["f0"], reader.metadata["f1"]
    if places.dtype.names:  # in colour
        shapes = [(int(place["height"]), int(place["width"]), 3) for place in places]
        assert (places["mode"] == 1).all(), "stored as JPEG"
        places = places["data_ptr"]
    else:
        shapes = [tuple(reader.handlers["image"].shape)] * len(places)
    starts = places.tolist()
    pixels = [
        storage[start : start + np.prod(shape)].reshape(shape) for start, shape in zip(starts, shapes, strict=True)
    ]
    return Images(np.stack(pixels), labels.astype(np.int64))
