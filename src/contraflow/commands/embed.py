"""The command `embed`: features of all images in a folder."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from contraflow.commands.options import PARAMS, Checkpoint, ParamsFile
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
    checkpoint: Checkpoint = None,
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
    pictures = _Pictures(folder, found.names, trained, skip_broken)
    with lease() as (device,):
        features = on_disk(finite_features(trained.network, pictures.batches(), device, str(checkpoint)), beside=out)
    kept = pictures.kept
    skipped = [printable(found.names[i]) for i in pictures.broken]
    provenance = Embedded(step="embed", inputs={"encoder": trained.digest}, skipped=skipped)
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


class _Pictures:
    """The pictures of a folder in batches; `kept` and, with the reason, `broken` say by index what was met so far."""

    def __init__(self, folder: Path, names: list[str], trained: Trained, skip_broken: bool):
        self.folder, self.names, self.trained, self.skip_broken = folder, names, trained, skip_broken
        self.kept: list[int] = []
        self.broken: dict[int, str] = {}

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Images (B, C, H, W) with their indices (B,)."""
        whole = self._whole()
        while pictures := list(islice(whole, BATCH)):
            indices = torch.tensor(self.kept[-len(pictures) :])
            yield normalised(np.stack(pictures), **self.trained.normalisation), indices
        if self.broken:
            self._report()

    def _whole(self) -> Iterator[np.ndarray]:
        """After a broken file there are no more, unless those may be left out; the others are still read, to be named
        all at once."""
        for i, picture in enumerate(decode_all(self.names, self._read, label="embed")):
            if isinstance(picture, BrokenPicture):
                self.broken[i] = str(picture)
            elif self.skip_broken or not self.broken:
                self.kept.append(i)
                yield picture

    def _report(self) -> None:
        broken = [(printable(self.names[i]), reason) for i, reason in self.broken.items()]
        what, names = describe_broken(self.folder, broken, len(self.names))
        if not self.skip_broken:
            raise UserError(f"{what}: mend or remove them, or leave them out with --skip-broken{names}")
        if not self.kept:
            raise UserError(f"{what}: none is left{names}")
        say(f"{what} and are left out:{names}")

    def _read(self, name: str) -> np.ndarray:
        return read_input(self.folder / name, **self.trained.image)
