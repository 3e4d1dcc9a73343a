"""The user's own folder of images, read."""

import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from contraflow.data.images import ImageSet, Split
from contraflow.data.listing import Part, printable, split_listing
from contraflow.data.pictures import BrokenPicture, is_grey, read_picture
from contraflow.data.table import list_images
from contraflow.devices import cores
from contraflow.errors import UserError
from contraflow.progress import say, track


def read_folder(
    path: Path,
    table: str | None,
    *,
    size: int,
    test_fraction: float,
    limit: int | None,
    seed: int,
    skip_broken: bool,
    scratch: Path,
) -> ImageSet:
    """Read the images below `path`, or those of a table in it, as squares of `size` pixels.

    The pixels lie in nameless files in `scratch`.

    One channel is kept where every image is grey, else three.

    Raises:
        UserError: the folder or table is laid out in no known way (see `list_images`), files are missing or broken
            and `skip_broken` is not set (all of them are named), or no image of the test or of a class is left.
    """
    listing = list_images(path, table)
    if listing.unused:
        say(f"{table}: columns not used: {', '.join(listing.unused)}")
    parts = split_listing(listing, test_fraction=test_fraction, limit=limit, seed=seed)
    reader = _Reader(path, size, scratch)
    with ThreadPoolExecutor(cores()) as pool, warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", module="PIL"
        )  # a damaged EXIF block and the like: the picture itself is whole
        train, test = (reader.read(part, pool, label) for part, label in zip(parts, ("train", "test"), strict=True))
    broken = sorted(reader.broken)
    if broken:
        _report(path, broken, sum(map(len, parts)), skip_broken)
    if not len(test):
        raise UserError(f"{path} leaves no image for the test: add images, or raise data.test_fraction")
    lost = set(parts[0].labels.tolist()) - set(train.labels.tolist())
    if lost and listing.classes:
        raise UserError(f"{path}: no training image of the class {listing.classes[min(lost)]} can be read")
    if not reader.colour:
        train, test = (replace(split, pixels=split.pixels[..., :1]) for split in (train, test))
    return ImageSet(train, test, listing.classes, [name for name, _ in broken])


class _Reader:
    """Decodes parts of a folder, and notes what is broken and whether anything has colour."""

    def __init__(self, path: Path, size: int, scratch: Path) -> None:
        self.path, self.size, self.scratch = path, size, scratch
        self.broken: list[tuple[str, str]] = []
        self.colour = False

    def _decode(self, name: str) -> np.ndarray | BrokenPicture:
        try:
            return read_picture(self.path / name, self.size)
        except BrokenPicture as error:
            return error

    def read(self, part: Part, pool: ThreadPoolExecutor, label: str) -> Split:
        kept = []
        with TemporaryFile(dir=self.scratch) as file:
            decoded = track(pool.map(self._decode, part.names), total=len(part), label=f"read {label}")
            for i, (name, pixels) in enumerate(zip(part.names, decoded, strict=True)):
                if isinstance(pixels, BrokenPicture):
                    self.broken.append((printable(name), str(pixels)))
                    continue
                self.colour = self.colour or not is_grey(pixels)
                file.write(pixels.tobytes())
                kept.append(i)
            file.flush()
            shape = (len(kept), self.size, self.size, 3)
            # The map outlives the file object; the space is given back when the map goes, or the process.
            pixels = np.memmap(file, np.uint8, mode="r", shape=shape) if kept else np.empty(shape, np.uint8)
        kept = part.take(np.array(kept, np.int64))
        return Split(pixels, kept.labels, [printable(name) for name in kept.names], kept.positions)


def _report(path: Path, broken: list[tuple[str, str]], total: int, skip: bool) -> None:
    reasons = Counter(reason for _, reason in broken)
    counts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    names = "".join(f"\n  {name} ({reason})" for name, reason in broken)
    what = f"{len(broken)} of {total} images in {path} cannot be read ({counts})"
    if not skip:
        raise UserError(f"{what}: mend or remove them, or set data.skip_broken to true to leave them out{names}")
    say(f"{what} and are left out:{names}")
