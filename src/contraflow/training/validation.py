"""A quick look at an encoder while it is trained: k-NN on some of the validation images."""

from collections.abc import Callable

import numpy as np
from torch import nn

from contraflow.encoded.card import EncodedData
from contraflow.encoded.splits import UNLABELLED
from contraflow.models.embed import embed
from contraflow.neighbours.knn import Labelled, knn_accuracies
from contraflow.neighbours.settings import Knn
from contraflow.views.loader import ImageLoader

BANK, QUERIES = 5_000, 2_000  # images at most: enough to see whether it rises, a fraction of an epoch's time
KNN = Knn(k=20, tau=0.07)
BATCH = 500


def validation_knn(data: EncodedData, threads: int) -> Callable[[nn.Module], float] | None:
    """A function that gives an encoder's 20-NN accuracy (0 to 1) on validation images, evenly spaced, among training
    images; it leaves the encoder in evaluation mode. None where the data has no labels.
    """
    if not data.card.labelled:
        return None
    labelled = data.training[data.labels("training") != UNLABELLED]

    def features(encoder: nn.Module, indices: np.ndarray, most: int) -> Labelled:
        step = -(-len(indices) // most)
        images = ImageLoader(
            data.train_beton, batch_size=BATCH, threads=threads, indices=indices[::step], **data.card.loading
        )
        return Labelled(*embed(encoder, images, next(encoder.parameters()).device))

    def measure(encoder: nn.Module) -> float:
        bank, queries = features(encoder, labelled, BANK), features(encoder, data.validation, QUERIES)
        device = next(encoder.parameters()).device
        return knn_accuracies(queries, bank, [KNN], classes=len(data.card.classes), device=device)[f"knn{KNN.k}"]

    return measure
