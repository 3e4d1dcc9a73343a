from dataclasses import dataclass
from typing import Annotated

from contraflow.encoded.card import EncodedData
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import CardIn, Setting, State, Threads, TrainingSeed
from contraflow.models.settings import Model, StartSettings
from contraflow.models.start import started_from
from contraflow.training.loop import Round
from contraflow.training.rounds import CheckpointOut, HistoryOut, RoundTraining
from contraflow.training.settings import Train, Training
from contraflow.views.settings import Augment


@dataclass(frozen=True)
class Ceiling(StartSettings):
    """What supervised training reads."""

    augment: Augment
    model: Model
    train: Train
    rounds: Annotated[int, Setting("mining.rounds")]
    mined_epochs: Annotated[int, Setting("mining.epochs")]


def train_supervised(
    settings: Ceiling,
    *,
    seed: TrainingSeed,
    data: CardIn,
    encoder: CheckpointOut,
    history: HistoryOut,
    threads: Threads,
    state: State,
) -> None:
    """Train an encoder with labels, as a ceiling for the others.

    What it has in common with pretraining: docs/measuring.md. The file `state` keeps the training from epoch to epoch,
    as in `pretrain`.

    Raises:
        UserError: the encoded data is missing, has no labels or does not fit, or the loss is not finite.
    """
    encoded = EncodedData.open(data)
    if not encoded.card.labelled:
        raise UserError(f"eval.supervised must be false for images without labels: {encoded.card.name} has none")
    epochs = range(settings.train.epochs + settings.rounds * settings.mined_epochs)
    inputs = {"data": encoded.digest} | started_from(settings.model)
    RoundTraining(
        Training.supervised(settings.augment, settings.model, settings.train),
        data=encoded,
        todo=Round(seed, number=0, epochs=epochs),
        encoder=encoder,
        history=history,
        state=state,
        threads=threads,
        provenance=Provenance.of_stage("evaluate", seed=seed, round=0, params=settings.made_from(), inputs=inputs),
    ).run()
