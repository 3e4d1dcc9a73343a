"""The step `evaluate-retrieval`: whether the images nearest to a test image are of its class."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch

from contraflow.devices import job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.evaluation.representation import Called, Figures, OfTrained, frozen, open_representation
from contraflow.evaluation.results import Extra
from contraflow.evaluation.retrieval import retrieval_scores
from contraflow.foundations.errors import UserError
from contraflow.foundations.signature import Data, Setting, Settings, Threads
from contraflow.models.settings import Model
from contraflow.views.loader import ImageLoader


@dataclass(frozen=True)
class RetrievalSettings(Settings):
    """What is measured, of which network."""

    batch_size: Annotated[int, Setting("eval.batch_size")]
    ks: Annotated[list[int], Setting("eval.retrieval")]
    model: Model

    handed: ClassVar = ("mining.rounds",)


def evaluate_retrieval(
    settings: RetrievalSettings,
    *,
    representation: Called,
    data: Data,
    checkpoint: OfTrained = None,
    figures: Figures,
    threads: Threads,
) -> None:
    """Measure one representation by retrieval among the test images.

    Each test image is a query, all others are searched for images of its class. Arguments as for `evaluate`.

    Raises:
        UserError: no two test images have one label, or as for `evaluate`.
    """
    encoded = EncodedData.open(data)
    subject = open_representation(representation, checkpoint, encoded, settings.model)
    torch.set_num_threads(job_cores())
    loading = {"batch_size": settings.batch_size, "threads": threads, **encoded.card.loading}
    with lease() as (device,), frozen(subject.network):
        loader = ImageLoader(encoded.test_beton, **loading)
        scores = retrieval_scores(subject.features(loader, len(loader), device, "test"), settings.ks, device=device)
    queries = len(scores["map@r"])
    if not queries:
        raise UserError(f"eval.retrieval must be [] here: no two test images of {encoded.card.name} have one label")
    Extra(
        kind="retrieval",
        representation=subject.name,
        seed=subject.seed,
        figures={name: float(score.mean()) for name, score in scores.items()},
        protocol={
            "queries": f"{queries} test images, each searched for among the other labelled test images, by cosine",
            "recall@k": "share of the queries with an image of their class among the k nearest",
            "r_precision": "share of the R nearest that are of the query's class, R the number of its other images",
            "map@r": "mean over the first R ranks of the precision up to there, 0 where another class stands "
            "(Musgrave et al. 2020)",
        },
        provenance=subject.provenance(settings.values()),
    ).write(figures)
