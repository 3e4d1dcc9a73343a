from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch

from contraflow.devices import job_cores, lease
from contraflow.encoded.card import Card, EncodedData
from contraflow.evaluation.accuracy import sought
from contraflow.evaluation.classification import confusion_matrix
from contraflow.evaluation.hits import Hits
from contraflow.evaluation.probe import Problem
from contraflow.evaluation.representation import FiguresOut, frozen
from contraflow.evaluation.results import ByRound, Images, RoundFigures
from contraflow.evaluation.settings import Eval
from contraflow.evaluation.sweep import choose, sweep
from contraflow.foundations.arrays import evenly
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import track
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import CardIn, Reads, Settings, Threads
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed, require_finite
from contraflow.neighbours.knn import Labelled, knn_accuracies
from contraflow.neighbours.retrieval import retrieval_scores
from contraflow.training.validation import of_whole_classes
from contraflow.views.items import item_loader

LEARNED, HELD_OUT = 10_000, 5_000  # images at most: rounds are compared with each other, not with other figures


@dataclass(frozen=True)
class RoundsSettings(Settings):
    """What is measured."""

    eval: Eval

    handed: ClassVar = ("mining.rounds",)


def evaluate_rounds(
    settings: RoundsSettings,
    *,
    checkpoints: Annotated[list[Path], Reads("Encoder of a round (.safetensors).")],
    data: CardIn,
    figures: FiguresOut,
    threads: Threads,
) -> None:
    """Measure the encoders of one seed after each round on validation images.

    The file gets one entry a round, of `LEARNED` labelled training images and `HELD_OUT` validation images at most;
    the test images are not read. Without labels an entry holds the round alone.

    Raises:
        UserError: a checkpoint is missing, of other data or another seed, or its features are not finite.
    """
    encoded = EncodedData.open(data)
    torch.set_num_threads(job_cores())
    card = encoded.card
    labelled = encoded.training[encoded.labels("training") >= 0]
    learned = labelled[evenly(len(labelled), LEARNED)]
    held_out = encoded.validation[evenly(len(encoded.validation), HELD_OUT)]
    if card.unseen:
        held_out = of_whole_classes(encoded, HELD_OUT)
    images = item_loader(
        encoded,
        "train",
        batch_size=settings.eval.batch_size,
        threads=threads,
        indices=np.concatenate([learned, held_out]),
    )
    rounds, inputs, seeds = [], {"data": encoded.digest, "encoders": []}, set()
    with lease() as (device,):
        for path in checkpoints:
            encoder, made_from = load_encoder(path)
            made_from.require(path, data=encoded.digest)
            seeds.add(made_from.seed)
            number = made_from.round
            inputs["encoders"].append(sha256(path))
            found = {}
            if card.labelled:
                with frozen(encoder):
                    label = f"seed {made_from.seed} · round {number}"
                    batches = track(images, total=len(images), label=label, unit="batches")
                    both = Labelled(*embed(encoder, batches, device))
                require_finite(both.features, f"the encoder of seed {made_from.seed} ({path})")
                train, test = both[np.arange(len(learned))], both[np.arange(len(learned), len(both.labels))]
                if card.unseen:
                    found = _retrieved(sought(test, encoded, settings.eval, held_out), settings.eval, device)
                else:
                    found = _named(train, test, card, settings.eval, device)
            rounds.append(RoundFigures(round=number, **found))
    if len(seeds) != 1:
        raise UserError(f"evaluate-rounds takes the encoders of one seed, got those of {sorted(seeds)}")
    provenance = Provenance.of_stage("evaluate", params=settings.values(), inputs=inputs)
    ByRound(
        representation="encoder_by_round",
        seed=seeds.pop(),
        images=Images(learned=len(learned), held_out=len(held_out)),
        rounds=sorted(rounds, key=lambda each: each.round),
        provenance=provenance,
    ).write(figures)


def _retrieved(test: Labelled, settings: Eval, device: torch.device) -> dict:
    """Of one round, by retrieval among these images: the fields of `RoundFigures`."""
    scores = retrieval_scores(test, settings.recalls(unseen=True), device=device)
    means = {name: float(score.mean()) for name, score in scores.items() if len(score)}
    return means | {"right": Hits.of(next(iter(scores.values())))}


def _named(train: Labelled, test: Labelled, card: Card, settings: Eval, device: torch.device) -> dict:
    """The same by naming the classes of images."""
    classes = len(card.classes)
    best = choose(sweep(Problem(train.features, train.labels, device=device), test, settings.linear))
    predicted = best.probe.predict(test.features)
    return {
        "linear": best.validation_accuracy,
        "right": Hits.of(predicted == test.labels),
        "confusion": confusion_matrix(test.labels, predicted, classes).tolist(),
        **knn_accuracies(test, train, settings.knn, classes=classes, device=device),
    }
