"""The command `embed`: features of all images in a folder."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from contraflow.commands.options import PARAMS, CheckpointFile, ParamsFile
from contraflow.commands.trained import Trained, last_checkpoint, normalised, read_input
from contraflow.devices import cores, lease
from contraflow.foundations.arrays import on_disk, save_arrays
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say
from contraflow.foundations.record import Provenance
from contraflow.images.decoding import BrokenPicture
from contraflow.images.folder import decode_all, describe_broken
from contraflow.images.listing import list_unsorted, printable
from contraflow.models.embed import finite_features

BATCH = 64


def embed(
    folder: Annotated[Path, typer.Argument(help="Images, in class folders or not.")],
    checkpoint: CheckpointFile = None,
    out: Annotated[Path, typer.Option("--out", help="File to write (.npz).")] = Path("embeddings.npz"),
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out what cannot be read.")] = False,
    params: ParamsFile = PARAMS,
) -> None:
    """Write the features of all images in a folder.

    They are sorted by name. The file has the arrays files (N,), features (N, D) float32, label (N,) int64 with -1 for
    none, and classes (of the folders; see `list_unsorted`); its provenance names the encoder by its digest. Memory does
    not grow with the number of images but for their names.

    Raises:
        UserError: the checkpoint is missing or damaged, the folder holds no images, files are broken and `skip_broken`
            is not set (all of them are named), or the features are not finite.
    """
    checkpoint = checkpoint or last_checkpoint(params)
    trained = Trained.open(checkpoint)
    classes, found = list_unsorted(folder)
    torch.set_num_threads(cores())
    kept, broken = [], []  # indices; names with the reason
    whole = _whole(folder, found.names, trained, skip_broken, kept, broken)
    pictures = iter(lambda: list(islice(whole, BATCH)), [])
    batches = ((normalised(np.stack(some), **trained.normalisation), torch.zeros(len(some))) for some in pictures)
    with lease() as (device,):
        features = on_disk(finite_features(trained.network, batches, device, str(checkpoint)), beside=out)
    provenance = Embedded(step="embed", inputs={"encoder": trained.digest}, skipped=[name for name, _ in broken])
    save_arrays(
        out,
        provenance,
        files=np.array([printable(found.names[i]) for i in kept]),
        features=features,
        label=found.labels[kept],
        classes=np.array(classes, np.str_),
    )
    say(f"{out}: {features.shape[1]} features of {len(kept):,} images")


class Embedded(Provenance):
    """What a file of features says of itself; `skipped` names the broken files that were left out."""

    skipped: list[str]


def _whole(
    folder: Path,
    names: list[str],
    trained: Trained,
    skip_broken: bool,
    kept: list[int],
    broken: list[tuple[str, str]],
) -> Iterator[np.ndarray]:
    """The pictures, each of which is noted as `kept` or `broken`.

    After a broken file there are no more, unless those may be left out; the others are still read, to be named all at
    once.
    """
    for i, picture in enumerate(
        decode_all(names, lambda name: read_input(folder / name, **trained.image), label="embed")
    ):
        if isinstance(picture, BrokenPicture):
            broken.append((printable(names[i]), str(picture)))
        elif skip_broken or not broken:
            kept.append(i)
            yield picture
    if broken:
        what, listed = describe_broken(folder, broken, len(names))
        if not skip_broken:
            raise UserError(f"{what}: mend or remove them, or leave them out with --skip-broken{listed}")
        if not kept:
            raise UserError(f"{what}: none is left{listed}")
        say(f"{what} and are left out:{listed}")
