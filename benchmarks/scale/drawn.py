"""Many small images, drawn: as the files of a known data set, or as a folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from contraflow.foundations.artefacts import sha256, write_json
from contraflow.foundations.record import Provenance
from contraflow.images.sources import SOURCES

NAME = "mnist"  # whose files are read whatever the number and the size of their images
SIDE, CLASSES = 8, 10
CLUSTER = 1_000  # images that are one picture and noise
TEST = 10_000  # images
CHUNK = 100_000  # images at a time
DIFFERENT = 1_000  # pictures of a folder, each under many names


def clustered(images: int, clusters: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """So many images (n, 8, 8) uint8 and their labels (n,) uint8, some at a time: few grey fields and noise."""
    fields = np.random.default_rng(0).integers(40, 216, (clusters, SIDE // 2, SIDE // 2), np.uint8)
    centres, random = fields.repeat(2, axis=1).repeat(2, axis=2), np.random.default_rng([1, seed])
    for start in range(0, images, CHUNK):
        own = random.integers(clusters, size=min(CHUNK, images - start))
        noise = random.integers(-24, 25, (len(own), SIDE, SIDE), np.int16)
        yield (centres[own] + noise).astype(np.uint8), (own % CLASSES).astype(np.uint8)


def write_known(folder: Path, images: int) -> None:
    """What the step fetch leaves of a known data set of so many training images, `source.json` with it."""
    clusters = max(CLASSES, images // CLUSTER)
    parts = [(images, 0), (TEST, 1)]
    for (count, seed), files in zip(parts, zip(*[iter(SOURCES[NAME].files)] * 2, strict=True), strict=True):
        pixels, labels = (folder / file for file in files)
        pixels.parent.mkdir(parents=True, exist_ok=True)
        with pixels.open("wb") as to_pixels, labels.open("wb") as to_labels:
            to_pixels.write(np.array([0x803, count, SIDE, SIDE], ">u4").tobytes())
            to_labels.write(np.array([0x801, count], ">u4").tobytes())
            for some, of_them in clustered(count, clusters, seed):
                to_pixels.write(some.tobytes())
                to_labels.write(of_them.tobytes())
    provenance = Provenance.of_stage("fetch", params={"data": {"name": NAME}}, inputs={})
    files = {file: sha256(folder / file) for file in SOURCES[NAME].files}
    write_json(folder / "source.json", {"name": NAME, "files": files, "provenance": provenance.content()})


def write_folder(folder: Path, images: int) -> None:
    """A folder of images in class folders: so many names of few different pictures, as hard links."""
    originals = folder.with_name(f"{folder.name}-originals")
    originals.mkdir(parents=True)
    different = min(DIFFERENT, images)
    pixels, _ = next(clustered(different, CLASSES, 0))
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(originals / f"{i}.png")
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
    for i in range(images):
        (folder / f"class{i % CLASSES}" / f"{i:08}.png").hardlink_to(originals / f"{i % different}.png")
