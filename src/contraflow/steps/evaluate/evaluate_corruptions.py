from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from torch import Tensor

from contraflow.devices import job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.encoded.pixels import read_images
from contraflow.evaluation.corruptions import CIFAR_LIKE, CORRUPTIONS, SEVERITIES, corrupt, strength
from contraflow.evaluation.representation import Called, FiguresOut, OfTrained, frozen, open_representation
from contraflow.evaluation.results import Extra
from contraflow.foundations.errors import UserError
from contraflow.foundations.signature import CardIn, Setting, Threads
from contraflow.models.settings import Model, StartSettings
from contraflow.neighbours.knn import knn_accuracies
from contraflow.neighbours.settings import Knn
from contraflow.views.loader import ImageLoader

SEED = 0  # the same corrupted images for every representation
CLEAN = "clean"


@dataclass(frozen=True)
class CorruptionSettings(StartSettings):
    """What is measured, of which network."""

    batch_size: Annotated[int, Setting("eval.batch_size")]
    knn: Annotated[list[Knn], Setting("eval.knn")]
    model: Model

    handed: ClassVar = ("mining.rounds",)


def evaluate_corruptions(
    settings: CorruptionSettings,
    *,
    representation: Called,
    data: CardIn,
    checkpoint: OfTrained = None,
    figures: FiguresOut,
    threads: Threads,
) -> None:
    """Measure one representation by k-NN on corrupted test images.

    Weighted k-NN on the test images as they are and under each corruption; the neighbours are the training images as
    they are. Arguments as for `evaluate`.

    Raises:
        UserError: the images have no labels, or as for `evaluate`.
    """
    encoded = EncodedData.open(data)
    card, batch = encoded.card, settings.batch_size
    if not card.labelled:
        raise UserError(f"eval.corruptions must be false for images without labels: {card.name} has none")
    if card.unseen:
        raise UserError("eval.corruptions must be false here: training has none of the test's classes")
    subject = open_representation(representation, checkpoint, encoded, settings.model)
    torch.set_num_threads(job_cores())
    cases = [(CLEAN, 0), *((name, severity) for name in CORRUPTIONS for severity in SEVERITIES)]
    found: dict = {}
    with lease() as (device,):
        subject = subject.whitened(encoded, settings.model.whitening, device, threads)
        with frozen(subject.network):
            loader = ImageLoader(encoded.train_beton, batch_size=batch, threads=threads, **card.loading)
            train = subject.features(loader, len(loader), device, "train")
            bank = train[train.labels >= 0]
            total = -(-card.test.images // batch)
            for name, severity in cases:
                batches = _corrupted(encoded, name, severity, batch)
                test = subject.features(batches, total, device, f"{name} {severity}" if severity else name)
                accuracies = knn_accuracies(test, bank, settings.knn, classes=len(card.classes), device=device)
                found.setdefault(name, {})[str(severity)] = accuracies
    Extra(
        kind="corruptions",
        representation=subject.name,
        seed=subject.seed,
        figures=found,
        protocol=_protocol(encoded, settings.knn),
        provenance=subject.provenance(settings.values()),
    ).write(figures)


def _corrupted(data: EncodedData, name: str, severity: int, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The test images under a corruption, normalised as an encoder takes them, and their labels."""
    card, labels = data.card, data.labels("test")
    mean, std = np.array(card.mean, np.float32), np.array(card.std, np.float32)
    for start in range(0, len(labels), batch):
        index = np.arange(start, min(start + batch, len(labels)))
        images = read_images(data.test_beton, index, card.image_size)
        if name != CLEAN:
            images = corrupt(images, index, name, severity, seed=SEED)
        pixels = (images.astype(np.float32) / 255 - mean) / std
        yield torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels[index])


def _protocol(data: EncodedData, neighbours: list[Knn]) -> dict[str, str]:
    size = data.card.image_size

    def of(name: str) -> str:
        strengths = (f"{strength(name, severity, size):g}" for severity in SEVERITIES)
        return CORRUPTIONS[name].unit.format(", ".join(strengths))

    words = "; ".join(map(str, neighbours))
    return {
        "knn": f"{words}; weighted as in the summary, neighbours are the training images as they are",
        "images": f"all {data.card.test.images} test images, each under every corruption",
        "severities": f"{', '.join(map(str, SEVERITIES))} of 1 to 5, as Hendrycks & Dietterich (2019) have them "
        f"in {'CIFAR-10-C' if size <= CIFAR_LIKE else 'ImageNet-C'}; rotation is not among theirs",
        **{name: of(name) for name in CORRUPTIONS},
        "draws": "noise and side of a rotation are a function of the image alone, the same for every representation",
    }
