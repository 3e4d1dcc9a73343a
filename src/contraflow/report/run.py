"""What a page is made from."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from contraflow.baseline.measured import Figures, Measured
from contraflow.encoded.card import Card
from contraflow.evaluation.results import Evaluation
from contraflow.params import Params
from contraflow.settings.values import flat


@dataclass(frozen=True)
class Samples:
    """Training images that stand for the data: images uint8 (n, H, W, C), labels int64 (n,), -1 where unlabelled."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Views:
    """Some training images, and the views of them from which the first seed learns in its first epochs.

    Attributes:
        images: uint8 (n, H, W, C).
        whole: uint8 (epochs, views, n, H, W, C).
        local: Small crops of the first epoch, uint8 (L, n, h, w, C); L is 0 without them.
    """

    images: np.ndarray
    whole: np.ndarray
    local: np.ndarray


@dataclass(frozen=True)
class Mistaken:
    """Test images of one class that the first seed's probe takes for another.

    Attributes:
        actual: The images' class.
        predicted: What they are taken for.
        share: Of all test images of the class, over all seeds.
        images: Some of those of the first seed, uint8 (n, H, W, C).
    """

    actual: int
    predicted: int
    share: float
    images: np.ndarray


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
        card: The data card.
        metrics: The summary over seeds, as `metrics.json` has it.
        evaluations: For `encoder`, `untrained`, `raw_pixels`, `pca_pixels` and `supervised` those by seed (None
            for pixels); none of the last where `eval.supervised` is off.
        curves: One row an epoch: seed, round, epoch, loss, lr, and what `contraflow.training.history.Epoch` has more.
        features: Test features of the first seed's encoder, float32 (N, d).
        labels: Their classes, int64 (N,), -1 where unlabelled.
        predicted: What the first seed's probe takes them for, int64 (N,), -1 where unlabelled.
        map_images: Those on the map of embeddings, small, uint8 (n, h, w, C).
        samples: A few training images.
        views: What the model sees of some.
        mistaken: Pairs of classes that are confused most, with pictures.
        extras: For each kind of extra evaluation that was made, in words how it was measured.
        mined: Mined negatives of the last round and the first seed; None without mining.
        confusions: By round, from 0 before mining: how many validation images of each class (row) the linear probe took
            for each class (column), over all seeds, int64 (classes, classes). Empty without mining or labels.
        probed: By the same rounds and by seed: whether it named each validation image rightly, (N,). Empty likewise.
        baseline: The run that this one is compared with; None where none is pinned.
        digests: SHA-256 of each file that the page was made from, by the file's name.
        code: SHA-256 of the code of each stage whose files the page was made from, and of its own.
    """

    params: Params
    card: Card
    metrics: dict
    evaluations: dict[str, dict[int | None, Evaluation]]
    curves: pd.DataFrame
    features: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    map_images: np.ndarray
    samples: Samples
    views: Views
    mistaken: list[Mistaken]
    mined: Mined | None
    confusions: dict[int, np.ndarray] = field(default_factory=dict)
    probed: dict[int, dict[int, np.ndarray]] = field(default_factory=dict)
    extras: dict[str, dict[str, str]] = field(default_factory=dict)
    baseline: Measured | None = None
    digests: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """Names of the classes; empty when the data is unlabelled."""
        return self.card.classes

    @property
    def measured(self) -> Measured:
        """What can be compared with a baseline."""
        figures = {seed: Figures.model_validate(each) for seed, each in self.evaluations["encoder"].items()}
        params = dict(flat(self.params.model_dump()))
        return Measured("this run", params, self.card.digests["test.beton"], figures)
