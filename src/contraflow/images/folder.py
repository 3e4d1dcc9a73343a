"""The user's own images, read."""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from contraflow.devices import cores
from contraflow.encoded.pixels import square
from contraflow.encoded.splits import UNLABELLED
from contraflow.foundations.errors import UserError
from contraflow.foundations.prefetch import in_turn
from contraflow.foundations.progress import say, track
from contraflow.images.decoding import BrokenPicture, is_grey, open_picture
from contraflow.images.facts import DIGEST, Facts, count_values, pixel_digest
from contraflow.images.image_set import ImageSet, Split, Spool, TextsAlone
from contraflow.images.kept_jpeg import FORMATS, Jpeg, keep_jpeg
from contraflow.images.listing import Listing, Part, describe_endings, endings, printable, split_called
from contraflow.images.protocols import list_data
from contraflow.images.splitting import split_listing
from contraflow.images.table import require_size

T = TypeVar("T")
_AHEAD = 8  # pictures a core that may be decoded before their turn
_SHORTEST = 2  # a stored JPEG's shorter side, in image sizes: crops may show a quarter of it and stay sharp


def read_folder(
    name: str,
    path: Path,
    table: str | None,
    *,
    size: int | None,
    jpeg_above: int,
    test_fraction: float,
    limit: int | None,
    seed: int,
    skip_broken: bool,
    scratch: Path,
) -> ImageSet:
    """Read the images of `name` below `path`, or those of a table in it; they lie in nameless files in `scratch`.
    A table may also list texts that are alone: then `size` is None.

    Each becomes a square of `size` pixels, except that JPEG stays JPEG where `size` is above `jpeg_above` (see
    `contraflow.images.kept_jpeg`). Where every image is grey, all become squares of one channel.

    Raises:
        UserError: the folder or table is laid out in no known way (see `list_data`), files are missing or broken
            and `skip_broken` is not set (all of them are named), or no image of the test or of a class is left.
    """
    listing = list_data(name, path, table)
    require_size(listing, size, table)
    if listing.unused:
        say(f"{table}: columns not used: {', '.join(listing.unused)}")
    if split_called(listing.splits.get("test", "")) == "validation":
        say(f"{path}: {listing.splits['test']} is the test set, for there is no other; validation images are drawn")
    not_taken = endings(path, besides={*listing.named(), *([os.path.normpath(table)] if table else [])})
    if not_taken:
        say(f"{path}: files that are not taken: {describe_endings(not_taken)}")
    parts = split_listing(listing, test_fraction=test_fraction, limit=limit, seed=seed)
    if listing.alone:
        return _texts(listing, *parts)
    reader = _Reader(path, size, size > jpeg_above, scratch)
    train, test = map(reader.read, parts, ("train", "test"))
    if not reader.colour:
        train, test = (replace(split, images=grey) for split, grey in zip((train, test), reader.greys, strict=True))
    broken = sorted(reader.broken)
    if broken:
        what, names = describe_broken(path, broken, sum(map(len, parts)))
        if not skip_broken:
            raise UserError(f"{what}: mend or remove them, or set data.skip_broken to true to leave them out{names}")
        say(f"{what} and are left out:{names}")
    if not len(test):
        raise UserError(f"{path} leaves no image for the test: add images, or raise data.test_fraction")
    if train.held_out is not None and not train.held_out.any():
        raise UserError(f"{path}: no image of {listing.splits['validation']} can be read")
    lost = set(parts[0].labels.tolist()) - set(train.labels.tolist()) - {UNLABELLED}
    if lost:
        raise UserError(f"{path}: no training image of the class {listing.classes[min(lost)]} can be read")
    return ImageSet(
        train, test, listing.classes, listing.splits, skipped=[name for name, _ in broken], not_taken=not_taken
    )


def _texts(listing: Listing, train: Part, test: Part) -> ImageSet:
    """Texts that are alone."""
    splits = (
        TextsAlone.of(
            [text for (text,) in part.texts],
            part.labels,
            part.positions,
            files=part.names,
            held_out=part.held_out,
            roles=part.roles,
        )
        for part in (train, test)
    )
    return ImageSet(*splits, listing.classes, listing.splits)


def decode_all(
    names: Sequence[str], decode: Callable[[str], T], *, label: str, done: int = 0
) -> Iterator[T | BrokenPicture]:
    """What `decode` makes of each name, in order, or the `BrokenPicture` that it raises; decoded on all cores. It shows
    progress under `label`, after so many that were `done` before."""
    with ThreadPoolExecutor(cores()) as pool, warnings.catch_warnings():
        # A damaged EXIF block and the like: the picture itself is whole.
        warnings.filterwarnings("ignore", module="PIL")
        # Unlike `pool.map`, which would hold every picture that is decoded before its turn.
        decoding = in_turn((pool.submit(decode, name) for name in names), _AHEAD * cores())
        for future in track(decoding, total=done + len(names), label=label, done=done):
            error = future.exception()
            yield error if isinstance(error, BrokenPicture) else future.result()


def describe_broken(folder: Path, broken: Sequence[tuple[str, str]], total: int) -> tuple[str, str]:
    """How many of `total` images are broken, and why; and lines that name them. Each of `broken` is (name, reason)."""
    counts = ", ".join(f"{count} {reason}" for reason, count in Counter(reason for _, reason in broken).items())
    names = "".join(f"\n  {name} ({reason})" for name, reason in broken)
    return f"{len(broken)} of {total} images in {folder} cannot be read ({counts})", names


class _Reader:
    """Decodes parts of a folder, and notes what is broken and whether anything has colour.

    `greys` has a spool of squares of one channel for each part that was read, complete as long as nothing has colour.
    """

    def __init__(self, path: Path, size: int, jpeg: bool, scratch: Path) -> None:
        self.path, self.size, self.jpeg, self.scratch = path, size, jpeg, scratch
        self.broken: list[tuple[str, str]] = []
        self.colour = False
        self.greys: list[Spool] = []

    def _decode(self, name: str) -> tuple[np.ndarray | Jpeg, np.ndarray, bytes, np.ndarray, bool]:
        """What is stored of a file, its middle square, the digest of its pixels, the square's counts, if it is grey."""
        image, kind, plain = open_picture(self.path / name)
        if self.jpeg and kind in FORMATS:
            shortest = _SHORTEST * self.size
            stored, image = keep_jpeg(self.path / name, image, plain=plain and kind == "JPEG", shortest=shortest)
            pixels, middle = np.asarray(image), square(image, self.size)
        else:
            stored = pixels = middle = square(image, self.size)
        return stored, middle, pixel_digest(pixels), count_values(middle[None]), is_grey(middle)

    def read(self, part: Part, label: str) -> Split:
        kept, digests, counts = [], [], np.zeros((3, 256), np.int64)
        spool, greys = (Spool(self.scratch, (self.size, self.size, channels)) for channels in (3, 1))
        for i, picture in enumerate(decode_all(part.names, self._decode, label=f"read {label}")):
            if isinstance(picture, BrokenPicture):
                self.broken.append((printable(part.names[i]), str(picture)))
                continue
            stored, middle, digest, counted, grey = picture
            spool.add(stored)
            kept.append(i)
            digests.append(digest)
            counts += counted
            self.colour = self.colour or not grey
            if not self.colour:
                greys.add(middle[..., :1])
        spool.close()
        greys.close()
        self.greys.append(greys)
        part, facts = part.take(np.array(kept, np.int64)), Facts(np.array(digests, DIGEST), counts)
        files = [printable(name) for name in part.names]
        return Split(spool, part.labels, files, part.positions, part.held_out, part.roles, facts, part.texts)
