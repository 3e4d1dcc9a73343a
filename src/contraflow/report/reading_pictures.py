"""The pictures that the step `report` shows, read from the encoded images."""

import numpy as np

from contraflow.encoded.card import EncodedData
from contraflow.encoded.pixels import read_images
from contraflow.foundations.artefacts import Provenance
from contraflow.params import Params
from contraflow.report import gallery
from contraflow.report.classes import confused_shares, largest_errors
from contraflow.report.run import Mined, Mistaken, Views
from contraflow.views.shown import read_views


def read_shown_views(params: Params, encoded: EncodedData, chosen: np.ndarray) -> Views:
    """What the first seed's training sees of the `chosen` training images."""
    augment, size = params.augment.chosen(), encoded.card.image_size
    beton, seed = encoded.train_beton, params.seeds[0]
    whole, small = augment.whole(), augment.local()
    return Views(
        images=read_images(beton, chosen, size),
        whole=np.stack(
            [
                read_views(beton, chosen, whole, seed=seed, epoch=epoch, size=size)
                for epoch in range(min(params.all_epochs, gallery.VIEWED_EPOCHS))
            ]
        ),
        local=read_views(beton, chosen, small, seed=seed, epoch=0, size=augment.local_pixels(size), first=len(whole)),
    )


def read_mistaken(evaluations: dict, labels: np.ndarray, predicted: np.ndarray, encoded: EncodedData) -> list[Mistaken]:
    """The pairs of classes that are confused most."""
    shares = confused_shares(evaluations)
    found = []
    for actual, other, share in largest_errors(shares) if shares is not None else ():
        chosen = gallery.choose_mistaken(labels, predicted, actual, other)
        images = read_images(encoded.test_beton, chosen, encoded.card.image_size)
        found.append(Mistaken(actual, other, share, images))
    return found


def read_mined(
    table: tuple[dict[str, np.ndarray], Provenance], wanted: int, encoded: EncodedData, labels: np.ndarray
) -> Mined:
    arrays, provenance = table
    rows = gallery.choose_anchors(len(arrays["anchor"]), wanted)
    anchor, negative = arrays["anchor"][rows], arrays["negative"][rows, : gallery.MOST_NEGATIVES]
    pictures = read_images(encoded.train_beton, negative.ravel(), encoded.card.image_size)
    return Mined(
        seed=provenance.seed,
        round=provenance.round,
        suspected=float(arrays["suspected"].mean()),
        anchors=read_images(encoded.train_beton, anchor, encoded.card.image_size),
        negatives=pictures.reshape(*negative.shape, *pictures.shape[1:]),
        similarity=arrays["similarity"][rows, : gallery.MOST_NEGATIVES],
        rank=arrays["rank"][rows, : gallery.MOST_NEGATIVES],
        anchor_labels=labels[anchor],
        negative_labels=labels[negative],
    )
