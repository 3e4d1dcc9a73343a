"""The command `search`: the training images most like some images, as a page."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from contraflow.commands.options import PARAMS, CheckpointFile, DataCard, ParamsFile
from contraflow.commands.trained import Trained, last_checkpoint, normalised, read_input
from contraflow.devices import cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.encoded.names import DATA
from contraflow.encoded.pixels import read_images
from contraflow.encoded.splits import UNLABELLED
from contraflow.evaluation.regions import regions_alike
from contraflow.foundations.arrays import on_disk
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say, track
from contraflow.images.decoding import BrokenPicture
from contraflow.images.listing import printable
from contraflow.models.embed import finite_features
from contraflow.neighbours.bank import Bank, unit
from contraflow.search.page import Found, render
from contraflow.views.loader import ImageLoader

BATCH = 500
TOLD = 3  # of the nearest of an image, of which it is shown what makes them near


def search(
    images: Annotated[list[Path], typer.Argument(help="Picture files.")],
    checkpoint: CheckpointFile = None,
    k: Annotated[int, typer.Option("--k", min=1, help="Training images to show for each.")] = 24,
    out: Annotated[Path, typer.Option("--out", help="Page to write (.html).")] = Path("results/search.html"),
    data: DataCard = Path(DATA),
    params: ParamsFile = PARAMS,
) -> None:
    """Show the training images that are most like some images, and which regions make the nearest so.

    Where the folder of a picture is called like a class of training images, what is found is right or wrong: it says
    recall@1 and recall@k over such pictures.

    Raises:
        UserError: an image cannot be read (all such are named), the checkpoint or the encoded data is missing or
            damaged, or the one was not trained on the other.
    """
    checkpoint = checkpoint or last_checkpoint(params)
    trained, encoded = Trained.open(checkpoint), EncodedData.open(data)
    if trained.made_from.inputs["data"] != encoded.digest:
        raise UserError(
            f"{checkpoint} was trained on other images than {data} holds: "
            "name its own with --data, or another encoder with --checkpoint"
        )
    asked = _read(images, trained)
    torch.set_num_threads(cores())
    loading = {"indices": encoded.training, "size": encoded.card.image_size, **trained.normalisation}
    loader = ImageLoader(encoded.train_beton, batch_size=BATCH, threads=cores(), **loading)
    with lease() as (device,):
        batches = track(loader, total=len(loader), label="embed training images", unit="batches")
        bank = on_disk(_on_sphere(trained, batches, device), beside=out)
        parts = (normalised(asked[i : i + BATCH], **trained.normalisation) for i in range(0, len(asked), BATCH))
        queries = np.concatenate([*_on_sphere(trained, ((part, torch.zeros(len(part))) for part in parts), device)])
        similarity, row = Bank(bank, device=device).nearest(queries, k + 1)  # one may be the image itself
        index, shown = encoded.training[row], min(k, len(bank))
        nearest = [read_images(encoded.train_beton, each, encoded.card.image_size) for each in index]
        regions = [
            regions_alike(trained.network, _pairs(image, near[: min(TOLD, shown)], trained), device)
            for image, near in zip(asked, nearest, strict=True)
        ]
    labels = encoded.labels("train")
    searched = set(labels[encoded.training].tolist())
    classes = {name: label for label, name in enumerate(encoded.card.classes) if label in searched}
    found = [
        Found(
            name=printable(path.name),
            image=asked[i],
            nearest=nearest[i],
            index=index[i],
            label=labels[index[i]],
            similarity=similarity[i],
            regions=regions[i],
            own=classes.get(path.absolute().parent.name, UNLABELLED),
        )
        for i, path in enumerate(images)
    ]
    page = render(
        [each.first(shown) for each in found],
        classes=encoded.card.classes,
        data=encoded.card.name,
        searched=len(bank),
        encoder=f"the encoder of seed {trained.made_from.seed} after round {trained.made_from.round}",
    )
    write_text(out, page)
    say(f"{out}: the {shown:,} nearest of {len(bank):,} training images to {len(images):,}")
    if known := [each for each in found if each.own != UNLABELLED]:
        recalls = [f"recall@{n} {np.mean([each.finds(n) for each in known]):.3f}" for n in sorted({1, shown})]
        say(f"{', '.join(recalls)}, over the {len(known):,} in a folder that is called like their class")


def _on_sphere(
    trained: Trained, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device
) -> Iterator[np.ndarray]:
    """Features (B, D) of length 1 of each batch."""
    return map(unit, finite_features(trained.network, batches, device, str(trained.path)))


def _pairs(image: np.ndarray, nearest: np.ndarray, trained: Trained) -> Tensor:
    """An image (H, W, C) beside each of others (n, H, W, C), as the encoder takes them: (n, 2, C, H, W)."""
    both = [normalised(each, **trained.normalisation) for each in (np.repeat(image[None], len(nearest), 0), nearest)]
    return torch.stack(both, dim=1)


def _read(paths: list[Path], trained: Trained) -> np.ndarray:
    """Images (N, H, W, C) uint8."""
    images, broken = [], []
    for path in paths:
        try:
            images.append(read_input(path, **trained.image))
        except BrokenPicture as error:
            broken.append(f"{printable(str(path))} ({error})")
    if broken:
        raise UserError(f"cannot be read as {'an image' if len(broken) == 1 else 'images'}: {', '.join(broken)}")
    return np.stack(images)
