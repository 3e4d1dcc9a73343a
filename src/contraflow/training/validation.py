"""A quick look at an encoder while it is trained: k-NN or retrieval on some of the validation images."""

from collections.abc import Callable

import numpy as np
from torch import nn

from contraflow.encoded.card import EncodedData
from contraflow.encoded.splits import UNLABELLED
from contraflow.models.embed import embed
from contraflow.models.whitening import applied, whitening_of
from contraflow.neighbours.knn import Labelled, knn_accuracies
from contraflow.neighbours.retrieval import retrieval_scores
from contraflow.neighbours.settings import Knn
from contraflow.views.items import item_loader

BANK, QUERIES = 5_000, 2_000  # images at most: enough to see whether it rises, a fraction of an epoch's time
KNN = Knn(k=20, tau=0.07)
BATCH = 500


def of_whole_classes(data: EncodedData, most: int) -> np.ndarray:
    """So many of the validation images at most, as sorted indices into `train.beton`, class by class."""
    return np.sort(data.validation[np.argsort(data.labels("validation"), kind="stable")[:most]])


def validation_knn(data: EncodedData, threads: int, whitened: float) -> Callable[[nn.Module], float] | None:
    """A function that gives an encoder's 20-NN accuracy (0 to 1) on validation images among training images, or where
    training has none of their classes the recall@1 among themselves; it leaves the encoder in evaluation mode. None
    where the data has no labels.

    Args:
        threads: CPU threads that load images.
        whitened: By what share its features are whitened, as those of the training images.
    """
    if not data.card.labelled:
        return None
    labelled = data.training[data.labels("training") != UNLABELLED]
    bank_images, queried = _thinned(labelled, BANK), _thinned(data.validation, QUERIES)
    if data.card.unseen:
        queried = of_whole_classes(data, QUERIES)

    def features(encoder: nn.Module, indices: np.ndarray) -> Labelled:
        images = item_loader(data, "train", batch_size=BATCH, threads=threads, indices=indices)
        return Labelled(*embed(encoder, images, next(encoder.parameters()).device))

    def measure(encoder: nn.Module) -> float:
        device, queries = next(encoder.parameters()).device, features(encoder, queried)
        if whitened or not data.card.unseen:
            bank = features(encoder, bank_images)
        if whitened:
            whitening = whitening_of(bank.features, whitened)
            queries, bank = (Labelled(applied(whitening, part.features), part.labels) for part in (queries, bank))
        if data.card.unseen:
            return float(retrieval_scores(queries, [1], device=device)["recall@1"].mean())
        return knn_accuracies(queries, bank, [KNN], classes=len(data.card.classes), device=device)[f"knn{KNN.k}"]

    return measure


def _thinned(indices: np.ndarray, most: int) -> np.ndarray:
    return indices[:: -(-len(indices) // most)]
