"""The command `embed`: features of all images in a folder, or of all texts in a file."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from contraflow.commands.options import PARAMS, CheckpointFile, DataCard, ParamsFile
from contraflow.commands.text_side import BATCH as TEXTS
from contraflow.commands.text_side import TextSide
from contraflow.commands.trained import Trained, last_checkpoint, normalised, read_input
from contraflow.commands.unfinished import Unfinished
from contraflow.devices import cores, lease
from contraflow.encoded.names import DATA
from contraflow.foundations.arrays import on_disk, save_arrays
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say, track
from contraflow.foundations.record import Provenance
from contraflow.images.decoding import BrokenPicture
from contraflow.images.folder import decode_all, describe_broken
from contraflow.images.listing import Part, list_unsorted, printable
from contraflow.images.table import list_images
from contraflow.images.text_file import list_texts
from contraflow.models.embed import finite_features

BATCH = 64
NAMES = 4096  # held at a time as fixed-width text


def embed(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder of images, in class folders or not; or a file of texts: .csv with the column text, or .txt "
            "with one a line."
        ),
    ],
    checkpoint: CheckpointFile = None,
    out: Annotated[Path, typer.Option("--out", help="File to write (.npz).")] = Path("embeddings.npz"),
    table: Annotated[
        str | None, typer.Option("--table", help="CSV file in the folder that lists the images, as data.table.")
    ] = None,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out what cannot be read.")] = False,
    data: DataCard = Path(DATA),
    params: ParamsFile = PARAMS,
) -> None:
    """Write the features of all images in a folder, or of all texts in a file.

    Of an encoder that was trained beside texts they are the vectors in the space of images and texts, of both. Texts go
    through the tokenizer beside the card `data`, and are called by their lines.

    Images are sorted by name. The file has the arrays files (N,), features (N, D) float32, label (N,) int64 with -1 for
    none, and classes (of the folders, see `list_unsorted`, or of the table); its provenance names the encoder by its
    digest. Memory does not grow with the number of images but for their names. Until all are done they lie beside
    `out` (see `Unfinished`): killed and started again it goes on there, to the same bytes.

    Raises:
        UserError: the checkpoint is missing or damaged, or does not take what there is, the source is not there, the
            folder holds no images or the file no texts, an option is not one of files of texts, the table is none,
            files are broken and `skip_broken` is not set (all of them are named), or the features are not finite.
    """
    checkpoint = checkpoint or last_checkpoint(params)
    trained = Trained.open(checkpoint)
    if not source.exists():
        raise UserError(f"{source} is not there: name a folder of images, or a file of texts (.csv or .txt)")
    torch.set_num_threads(cores())
    if source.is_file():
        for option, given in (("--table", table is not None), ("--skip-broken", skip_broken)):
            if given:
                raise UserError(f"{option} is of the images in a folder, and {source} is none")
        _embed_texts(source, trained, data, out)
    else:
        trained.require_images()
        _embed_images(source, table, skip_broken, trained, out)


class Embedded(Provenance):
    """What a file of features says of itself; `skipped` names the broken files that were left out."""

    skipped: list[str]


def _embed_texts(file: Path, trained: Trained, data: Path, out: Path) -> None:
    classes, found = list_texts(file)
    side = TextSide.of(trained, data)
    texts = [text for (text,) in found.texts]
    with lease() as (device,):
        parts = track(side.of_texts(texts, device), total=-(-len(texts) // TEXTS), label="embed", unit="batches")
        features = on_disk(parts, beside=out)
    save_arrays(
        out,
        Embedded(step="embed", inputs={"encoder": trained.digest}, skipped=[]),
        files=np.array(found.names),
        features=features,
        label=found.labels,
        classes=np.array(classes, np.str_),
    )
    say(f"{out}: {features.shape[1]} features of {len(found):,} texts")


def _embed_images(folder: Path, table: str | None, skip_broken: bool, trained: Trained, out: Path) -> None:
    classes, found = _listed(folder, table)
    with lease() as (device,):
        made_with = f"{trained.digest} torch {torch.__version__} {device.type}"
        told = {"made_with": made_with, "dimension": trained.dimension, "full": BATCH}
        with Unfinished.beside(out, folder, found.names, **told) as unfinished:
            if unfinished.goes_on:
                say(f"{out}: goes on after {unfinished.goes_on:,} of {len(found):,} images")
            for upto, pictures, broken in _pictures(folder, found.names, trained, skip_broken, unfinished):
                unfinished.add(upto, _features(trained, pictures, device), broken)
            _save(out, trained, classes, found, unfinished)


def _listed(folder: Path, table: str | None) -> tuple[list[str], Part]:
    """Names of the classes, and the images, sorted by name."""
    if table is None or not folder.is_dir():
        return list_unsorted(folder)
    if not (folder / table).is_file():
        raise UserError(f"{folder / table} is missing: name with --table a CSV file that lies in {folder}")
    listing = list_images(folder, table)
    if listing.alone:
        raise UserError(
            f"{folder / table} lists texts without images: name it itself, contraflow embed {folder / table}"
        )
    parts = [part for part in (listing.train, listing.test) if part]
    every = Part([*chain(*(part.names for part in parts))], np.concatenate([part.labels for part in parts]))
    return listing.classes, every.take(np.array(sorted(range(len(every)), key=every.names.__getitem__)))


def _pictures(
    folder: Path, names: Sequence[str], trained: Trained, skip_broken: bool, unfinished: Unfinished
) -> Iterator[tuple[int, list[np.ndarray], list[list]]]:
    """Batches of what is not done: up to which name they go, the pictures, and places and reasons of broken files.

    After a broken file there are no more, unless those may be left out; the others are still read, to be named all at
    once.
    """
    start, pictures, new, broken = unfinished.goes_on, [], [], unfinished.broken()
    for i, picture in enumerate(
        decode_all(names[start:], lambda name: read_input(folder / name, **trained.image), label="embed", done=start),
        start,
    ):
        if isinstance(picture, BrokenPicture):
            new.append([i, str(picture)])
            broken.append((i, str(picture)))
        elif skip_broken or not broken:
            pictures.append(picture)
        if len(pictures) == BATCH:
            yield i + 1, pictures, new
            pictures, new = [], []
    if broken:
        what, listed = describe_broken(folder, [(printable(names[i]), why) for i, why in broken], len(names))
        if not skip_broken:
            raise UserError(f"{what}: mend or remove them, or leave them out with --skip-broken{listed}")
        if len(broken) == len(names):
            raise UserError(f"{what}: none is left{listed}")
        say(f"{what} and are left out:{listed}")
    if pictures or new:
        yield len(names), pictures, new


def _features(trained: Trained, pictures: list[np.ndarray], device: torch.device) -> np.ndarray:
    if not pictures:
        return np.empty((0, trained.dimension), np.float32)
    batch = normalised(np.stack(pictures), **trained.normalisation), torch.zeros(len(pictures))
    return next(finite_features(trained.into_space, [batch], device, str(trained.path)))


def _save(out: Path, trained: Trained, classes: list[str], found: Part, unfinished: Unfinished) -> None:
    broken, features = dict(unfinished.broken()), unfinished.features()
    kept = np.delete(np.arange(len(found)), [*broken])
    longest = max(len(printable(found.names[i])) for i in kept)
    parts = (kept[start : start + NAMES] for start in range(0, len(kept), NAMES))
    files = (np.array([printable(found.names[i]) for i in part], f"U{longest}") for part in parts)
    skipped = [printable(found.names[i]) for i in broken]
    save_arrays(
        out,
        Embedded(step="embed", inputs={"encoder": trained.digest}, skipped=skipped),
        files=on_disk(files, beside=out),
        features=features,
        label=found.labels[kept],
        classes=np.array(classes, np.str_),
    )
    say(f"{out}: {features.shape[1]} features of {len(kept):,} images")
