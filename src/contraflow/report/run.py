"""What a page is made from."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from contraflow.config import Params


@dataclass(frozen=True)
class Samples:
    """Training images that stand for the data: images uint8 (n, H, W, C), labels int64 (n,), -1 where unlabelled."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Mined:
    """Anchors with their mined negatives, of one seed and round.

    Attributes:
        suspected: Candidates of an anchor that were left out as suspected false negatives, on average.
        anchors: Images of the anchors, uint8 (n, H, W, C).
        negatives: Images of their negatives, uint8 (n, k, H, W, C).
        similarity: Cosine similarity of each pair, float32 (n, k).
        rank: Place of the negative among the anchor's nearest other images, int32 (n, k), 1 for the nearest.
        anchor_labels: int64 (n,), -1 where unlabelled; for display only.
        negative_labels: int64 (n, k).
    """

    seed: int
    round: int
    suspected: float
    anchors: np.ndarray
    negatives: np.ndarray
    similarity: np.ndarray
    rank: np.ndarray
    anchor_labels: np.ndarray
    negative_labels: np.ndarray


@dataclass(frozen=True)
class Run:
    """A finished run, read from its files.

    Attributes:
        params: Every parameter.
        card: The data card, as `card.json` has it.
        metrics: The summary over seeds, as `metrics.json` has it.
        evaluations: For `encoder`, `untrained`, `raw_pixels` and `pca_pixels` the evaluations by seed (None for
            pixels).
        curves: One row an epoch: seed, round, epoch, loss, lr, and what `contraflow.training.history.Epoch` has more.
        features: Test features of the first seed's encoder, float32 (N, d).
        labels: Their classes, int64 (N,), -1 where unlabelled.
        samples: A few training images.
        mined: Mined negatives of the last round and the first seed; None without mining.
        confusions: By round, from 0 before mining: how many validation images of each class (row) the linear probe took
            for each class (column), over all seeds, int64 (classes, classes). Empty without mining or labels.
        digests: SHA-256 of each file that the page was made from, by the file's name.
    """

    params: Params
    card: dict
    metrics: dict
    evaluations: dict[str, dict[int | None, dict]]
    curves: pd.DataFrame
    features: np.ndarray
    labels: np.ndarray
    samples: Samples
    mined: Mined | None
    confusions: dict[int, np.ndarray] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """Names of the classes; empty when the data is unlabelled."""
        return self.card["classes"]
