from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch

from contraflow.devices import job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.encoded.texts import Rows
from contraflow.encoded.tokens import tokenise
from contraflow.evaluation.representation import (
    Called,
    FiguresOut,
    OfTrained,
    Representation,
    frozen,
    open_representation,
)
from contraflow.evaluation.results import DIGITS, Extra
from contraflow.evaluation.settings import STS
from contraflow.evaluation.sts import Scored, cosines, read_scored
from contraflow.evaluation.tfidf import tfidf
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import CardIn, Setting, Threads
from contraflow.models.settings import Model, StartSettings
from contraflow.models.text import vectors_of
from contraflow.models.towers import load_towers, start_towers
from contraflow.neighbours.bank import unit
from contraflow.settings.values import named
from contraflow.statistics import RESAMPLES, spearman, spearman_interval


@dataclass(frozen=True)
class StsSettings(StartSettings):
    """What is measured, of which network."""

    sts: Annotated[str, Setting("eval.sts")]
    model: Model

    handed: ClassVar = ("mining.rounds",)
    files_of: ClassVar = (*StartSettings.files_of, "eval.sts")

    def files(self) -> list[Path]:
        return [*super().files(), Path(self.sts)]


def evaluate_sts(
    settings: StsSettings,
    *,
    representation: Called,
    data: CardIn,
    checkpoint: OfTrained = None,
    figures: FiguresOut,
    threads: Threads,
) -> None:
    """Measure whether the order of an encoder's cosines is that of people's scores of pairs of texts.

    Args:
        representation: As for `evaluate`; `raw_pixels` is TF-IDF of the tokens, by the training texts.

    Raises:
        UserError: the data have no texts, the file of scores is not as `read_scored` wants it, the checkpoint has no
            encoder of texts, or as for `evaluate`.
    """
    encoded, file = EncodedData.open(data), named(settings.sts)
    if encoded.card.texts is None:
        raise UserError(f"eval.sts must be data where there are no texts, as in {encoded.card.name}")
    scored = read_scored(file)
    tokens = Rows.of(tokenise(encoded.tokenizer, scored.texts), np.int32)
    of = {"representation": representation, "params": settings.values()}
    inputs = {"data": encoded.digest, STS: sha256(file)}
    if representation == "raw_pixels":
        known = encoded.texts["train"]
        trained_on = np.flatnonzero(np.isin(known.image, encoded.training))
        vectors = tfidf(tokens, known.tokens.take(trained_on), encoded.card.vocabulary)
        name, seed, provenance = representation, None, Provenance.of_stage("evaluate", **of, inputs=inputs)
    else:
        subject = _open(representation, checkpoint, encoded, settings.model)
        torch.set_num_threads(job_cores())
        with lease() as (device,):
            subject = subject.whitened(encoded, settings.model.whitening, device, threads=1)
            with frozen(subject.network):
                parts = vectors_of(subject.network, tokens, np.arange(len(tokens)), device, subject.source)
                vectors = unit(np.concatenate([*parts]))
        name, seed, provenance = subject.name, subject.seed, subject.provenance(settings.values(), **inputs)
    similarity = cosines(vectors, scored.pairs)
    Extra(
        kind=STS,
        representation=name,
        seed=seed,
        figures={"spearman": spearman(similarity, scored.scores)},
        intervals={"spearman": [round(end, DIGITS) for end in spearman_interval(similarity, scored.scores)]},
        protocol=_protocol(scored),
        provenance=provenance,
    ).write(figures)


def _open(called: str, checkpoint: Path | None, encoded: EncodedData, model: Model) -> Representation:
    """A representation whose network takes texts."""
    subject = open_representation(called, checkpoint, encoded, model)
    if encoded.card.items == "texts":
        return subject
    towers = load_towers(checkpoint)[0] if checkpoint else start_towers(model, encoded, subject.seed)
    return replace(subject, network=towers.text)


def _protocol(scored: Scored) -> dict[str, str]:
    return {
        "spearman": f"rank correlation of cosine similarity and score over {len(scored.scores)} pairs of "
        f"{len(scored.texts)} different texts; ties have the mean of their ranks, and cosines are rounded to {DIGITS} "
        "digits",
        "interval": f"middle 95 % of {RESAMPLES} bootstrap samples of the pairs; of several seeds the mean of its ends",
        "TF-IDF": "cosine of bags of the same tokens, not reduced: frequencies as 1 + log, weighed by how few training "
        "texts have the token (scikit-learn)",
    }
