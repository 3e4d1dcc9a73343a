"""What a page is made from."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from contraflow.baseline.measured import Figures, Measured
from contraflow.encoded.card import Card, EncodedData
from contraflow.evaluation.projection import Projection
from contraflow.evaluation.results import Evaluation, Extra
from contraflow.evaluation.settings import STS
from contraflow.foundations.record import Provenance
from contraflow.mining.figures import PassFigures
from contraflow.neighbours.ranking import Pairs, Ranking
from contraflow.params import Params
from contraflow.report.items import Pictures, Sentences
from contraflow.settings.values import flat


@dataclass(frozen=True)
class Mined:
    """A table of mined negatives, with the arrays that the step `mine` writes."""

    arrays: dict[str, np.ndarray]
    made_from: Provenance


@dataclass(frozen=True)
class Pass:
    """The figures of a table of mined negatives."""

    figures: PassFigures
    made_from: Provenance


@dataclass(frozen=True)
class Run:
    """A finished run, read from its files.

    Attributes:
        params: Every parameter.
        data: The encoded images.
        card: Their card.
        metrics: The summary over seeds, as `metrics.json` has it.
        evaluations: For `encoder`, `control`, `untrained`, `raw_pixels`, `pca_pixels` and `supervised` those by seed
            (None for pixels); none of those that `mining.control` or `eval.supervised` do not ask for.
        curves: One row an epoch: seed, round, epoch, loss, lr, and what `contraflow.training.history.Epoch` has more.
        features: Test features of the first seed's encoder, float32 (N, d).
        labels: Their classes, int64 (N,), -1 where unlabelled.
        predicted: What the first seed's probe takes them for, int64 (N,), -1 where unlabelled.
        projection: Some of the test images in a plane, by the same features.
        ranking: What the test images, as queries, find with these features; None where retrieval is not measured.
        pairs: Some test images with their nearest, by the same features.
        regions: What each place of both gives to their cosine, (P, 2, side, side); side is 0 where the encoder has no
            feature map.
        extras: For each kind of extra evaluation that was made those by representation and by seed.
        mined: The negatives of the last round and the first seed; None without mining.
        passes: Those of every seed and round, in their order; empty without mining.
        confusions: By round, from 0 before mining: how many validation images of each class (row) the linear probe took
            for each class (column), over all seeds, int64 (classes, classes). Empty without mining or labels.
        probed: By the same rounds and by seed: whether it named each validation image rightly, (N,). Empty likewise.
        baseline: The run that this one is compared with; None where none is pinned.
        digests: SHA-256 of each file that the page was made from, by the file's name.
        code: SHA-256 of the code of each stage whose files the page was made from, and of its own.
    """

    params: Params
    data: EncodedData
    card: Card
    metrics: dict
    evaluations: dict[str, dict[int | None, Evaluation]]
    curves: pd.DataFrame
    features: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    mined: Mined | None
    pairs: Pairs
    regions: np.ndarray
    projection: Projection
    ranking: Ranking | None = None
    passes: list[Pass] = field(default_factory=list)
    confusions: dict[int, np.ndarray] = field(default_factory=dict)
    probed: dict[int, dict[int, np.ndarray]] = field(default_factory=dict)
    extras: dict[str, dict[str, dict[int | None, Extra]]] = field(default_factory=dict)
    baseline: Measured | None = None
    digests: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """Names of the classes; empty when the data is unlabelled."""
        return self.card.classes

    @property
    def shown(self) -> Pictures | Sentences:
        """What the page shows of images, or of texts that are alone."""
        return {"images": Pictures, "texts": Sentences}[self.card.items](self.data)

    @property
    def measured(self) -> Measured:
        """What can be compared with a baseline."""
        figures = {seed: Figures.model_validate(each) for seed, each in self.evaluations["encoder"].items()}
        for seed, pairs in self.extras.get(STS, {}).get("encoder", {}).items():
            figures[seed] = figures[seed].beside(pairs.figures, pairs.provenance.inputs[STS])
        params = dict(flat(self.params.model_dump()))
        return Measured("this run", params, self.card.tested, figures)
