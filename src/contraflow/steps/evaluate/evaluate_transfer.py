from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from contraflow.devices import job_cores, lease
from contraflow.encoded.card import Card, EncodedData
from contraflow.evaluation.accuracy import Accuracies, measure
from contraflow.evaluation.representation import Called, FiguresOut, OfTrained, frozen, open_representation
from contraflow.evaluation.results import Extra
from contraflow.evaluation.settings import Eval
from contraflow.foundations.errors import UserError
from contraflow.foundations.signature import CardIn, Reads, Threads
from contraflow.models.settings import Model, StartSettings
from contraflow.views.loader import ImageLoader


@dataclass(frozen=True)
class TransferSettings(StartSettings):
    """What is measured, of which network."""

    eval: Eval
    model: Model

    handed: ClassVar = ("mining.rounds",)


def evaluate_transfer(
    settings: TransferSettings,
    *,
    representation: Called,
    data: CardIn,
    transfer: Annotated[Path, Reads("Card that `encode-transfer` wrote.")],
    checkpoint: OfTrained = None,
    figures: FiguresOut,
    threads: Threads,
) -> None:
    """Measure one representation by linear probe and k-NN on another data set.

    The images of `transfer` come at the size of those in `data`, with their channels and normalised as they are, since
    that is what the encoder takes. The other arguments are those of `evaluate`.

    Raises:
        UserError: the images in `transfer` have no labels or another size, or as for `evaluate`.
    """
    encoded, other = EncodedData.open(data), EncodedData.open(transfer)
    if not other.card.labelled:
        raise UserError(f"eval.transfer must be images with labels: {other.card.name} has none")
    subject = open_representation(representation, checkpoint, encoded, settings.model)
    torch.set_num_threads(job_cores())
    loading = {"batch_size": settings.eval.batch_size, "threads": threads, "size": encoded.card.image_size}
    loading |= {"mean": [0.0] * other.card.channels, "std": [1.0] * other.card.channels}  # pixels from 0 to 1
    loaders = [ImageLoader(file, **loading) for file in (other.train_beton, other.test_beton)]
    with lease() as (device,):
        subject = subject.whitened(encoded, settings.model.whitening, device, threads)
        with frozen(subject.network):
            train, test = (
                subject.features(_taken(loader, encoded.card), len(loader), device, f"transfer {split}")
                for split, loader in (("train", loaders[0]), ("test", loaders[1]))
            )
        # no table says of what groups these images are
        found = measure(other, train, test, settings.eval.model_copy(update={"retrieval_by": "label"}), device)
    Extra(
        kind="transfer",
        representation=subject.name,
        seed=subject.seed,
        figures=found.test,
        validation=found.validation,
        protocol=_protocol(encoded.card, other, settings.eval, found),
        provenance=subject.provenance(settings.values(), transfer=other.digest),
    ).write(figures)


def _taken(batches: ImageLoader, card: Card) -> Iterator[tuple[Tensor, Tensor]]:
    """Images with the channels and the normalisation of those that `card` describes, and their labels."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (card.mean, card.std))
    for images, labels in batches:
        if images.shape[1] > card.channels:
            from torchvision.transforms.v2.functional import rgb_to_grayscale  # takes a second

            images = rgb_to_grayscale(images)
        yield (images.expand(-1, card.channels, -1, -1) - mean) / std, labels


def _protocol(own: Card, other: EncodedData, settings: Eval, found: Accuracies) -> dict[str, str]:
    card = other.card
    kinds = {1: "grey", 3: "colour"}
    made = f", {kinds[card.channels]} made {kinds[own.channels]}" if card.channels != own.channels else ""
    learned = f"probe and k-NN learn from {card.train.images} training images, " if found.probed else ""
    words = {
        "data": f"{card.name}: {learned}measured once on {card.test.images} test images; nothing of it was seen in the "
        "encoder's training",
        "images": f"{own.image_size} pixels a side{made}, normalised like {own.name}, which the encoder was trained on",
    }
    if found.probed:
        words |= {
            "knn": f"{'; '.join(map(str, settings.knn))}; weighted as in the summary",
            "weight_decay": f"of the linear probe {found.probed.probe.weight_decay:g} for the first seed, chosen on "
            f"{len(other.validation)} of its training images",
        }
    return words
