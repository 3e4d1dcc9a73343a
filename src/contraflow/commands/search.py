"""The command `search`: the training images most like some images or texts, as a page."""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from contraflow.commands.among import Among
from contraflow.commands.options import PARAMS, CheckpointFile, DataCard, ParamsFile
from contraflow.commands.text_side import TextSide
from contraflow.commands.trained import Trained, last_checkpoint, normalised, read_input
from contraflow.devices import cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.encoded.names import DATA
from contraflow.encoded.pixels import read_images
from contraflow.encoded.splits import UNLABELLED
from contraflow.evaluation.regions import regions_alike
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say
from contraflow.images.decoding import BrokenPicture
from contraflow.images.listing import printable
from contraflow.search.found import Found, FoundByText
from contraflow.search.page import render

TOLD = 3  # of the nearest of an image, of which it is shown what makes them near


def search(
    images: Annotated[list[Path] | None, typer.Argument(help="Picture files.")] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", help="What is said of the images to find, or a text like those. May be repeated."),
    ] = None,
    checkpoint: CheckpointFile = None,
    k: Annotated[int, typer.Option("--k", min=1, help="Training images to show for each.")] = 24,
    out: Annotated[Path, typer.Option("--out", help="Page to write (.html).")] = Path("results/search.html"),
    data: DataCard = Path(DATA),
    params: ParamsFile = PARAMS,
) -> None:
    """Show the training images that are most like some images or texts, and which regions make the nearest so.

    An encoder that was trained beside texts finds images by a text, and the texts nearest to an image, too; one of
    texts alone finds texts by a text.

    Where the folder of a picture is called like a class of training images, what is found is right or wrong: it says
    recall@1 and recall@k over such pictures.

    Raises:
        UserError: an image cannot be read (all such are named), the encoder does not take what is asked for, or it or
            the encoded data is missing or damaged, or the one was not trained on the other.
    """
    checkpoint = checkpoint or last_checkpoint(params)
    trained, encoded = Trained.open(checkpoint), EncodedData.open(data)
    if trained.made_from.inputs["data"] != encoded.digest:
        raise UserError(
            f"{checkpoint} was trained on other {encoded.card.items} than {data} holds: "
            "name its own with --data, or another encoder with --checkpoint"
        )
    images, texts = images or [], [*dict.fromkeys(map(str.strip, text or []))]
    if not images and not texts:
        raise UserError("name pictures to find images like them, or by --text what is said of those to find")
    if not all(texts):
        raise UserError("--text must not be empty")
    if images and trained.alone:
        raise UserError(f"{checkpoint} takes texts: ask by --text, or name an encoder of images with --checkpoint")
    side = TextSide.of(trained, data) if texts or trained.towers else None
    asked = _read(images, trained) if images else None
    torch.set_num_threads(cores())
    with lease() as (device,):
        among = Among(trained, encoded, side, device, out)
        by_image = _by_images(among, images, asked, k) if images else []
        by_text = _by_texts(among, texts, k) if texts else []
    shown = min(k, len(encoded.training))
    page = render(
        [*(each.first(shown) for each in by_image), *by_text],
        classes=encoded.card.classes,
        data=encoded.card.name,
        searched=len(encoded.training),
        encoder=f"the encoder of seed {trained.made_from.seed} after round {trained.made_from.round}",
        items=encoded.card.items,
    )
    write_text(out, page)
    say(
        f"{out}: the {shown:,} nearest of {len(encoded.training):,} training {encoded.card.items} to "
        f"{len(images) + len(texts):,}"
    )
    if known := [each for each in by_image if each.own != UNLABELLED]:
        recalls = [f"recall@{n} {np.mean([each.finds(n) for each in known]):.3f}" for n in sorted({1, shown})]
        say(f"{', '.join(recalls)}, over the {len(known):,} in a folder that is called like their class")


def _by_images(among: Among, paths: list[Path], asked: np.ndarray, k: int) -> list[Found]:
    """What each image finds, and one more, since one may be the image itself."""
    trained, data, device = among.trained, among.data, among.device
    bank = among.items(trained.network)
    similarity, row = bank.nearest(among.of_images(trained.network, asked), k + 1)
    index = data.training[row]
    nearest = [read_images(data.train_beton, each, data.card.image_size) for each in index]
    regions = [
        regions_alike(trained.network, _pairs(image, near[: min(TOLD, k, bank.size)], trained), device)
        for image, near in zip(asked, nearest, strict=True)
    ]
    labels = data.labels("train")
    searched = set(labels[data.training].tolist())
    classes = {name: label for label, name in enumerate(data.card.classes) if label in searched}
    texts = _texts_of(among, asked, k) if among.side else [[] for _ in paths]
    return [
        Found(
            name=printable(path.name),
            image=asked[i],
            nearest=nearest[i],
            index=index[i],
            label=labels[index[i]],
            similarity=similarity[i],
            said=_said(data, index[i]),
            regions=regions[i],
            own=classes.get(path.absolute().parent.name, UNLABELLED),
            texts=texts[i],
        )
        for i, path in enumerate(paths)
    ]


def _texts_of(among: Among, asked: np.ndarray, k: int) -> list[list[tuple[str, float]]]:
    """The training texts nearest to each image, with their similarities."""
    bank, place = among.texts()
    similarity, row = bank.nearest(among.of_images(among.trained.into_space, asked), k)
    said = among.data.texts["train"]
    return [
        [(said[text], value) for text, value in zip(of.tolist(), values.tolist(), strict=True)]
        for of, values in zip(place[row], similarity, strict=True)
    ]


def _by_texts(among: Among, asked: list[str], k: int) -> list[FoundByText]:
    data = among.data
    similarity, row = among.items(among.trained.into_space).nearest(among.of_texts(asked), k)
    labels, index = data.labels("train"), data.training[row]
    return [
        FoundByText(
            text=text,
            nearest=None if among.trained.alone else read_images(data.train_beton, of, data.card.image_size),
            index=of,
            label=labels[of],
            similarity=values,
            said=_said(data, of),
        )
        for text, of, values in zip(asked, index, similarity, strict=True)
    ]


def _said(data: EncodedData, indices: np.ndarray) -> list[list[str]]:
    """The texts of some training items (n,)."""
    if data.card.texts is None:
        return [[] for _ in indices]
    texts = data.texts["train"]
    return [[texts[text] for text in range(*texts.begins[index : index + 2])] for index in indices.tolist()]


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
        hint = "; what is said of images goes behind --text" if trained.towers else ""
        raise UserError(f"cannot be read as {'an image' if len(broken) == 1 else 'images'}: {', '.join(broken)}{hint}")
    return np.stack(images)
