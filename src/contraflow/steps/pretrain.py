from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from contraflow.encoded.card import EncodedData
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import CardIn, State, Threads, TrainingSeed
from contraflow.models.settings import StartSettings
from contraflow.models.start import started_from
from contraflow.training.loop import Round
from contraflow.training.rounds import CheckpointOut, HistoryOut, RoundTraining
from contraflow.training.settings import Training
from contraflow.training.teacher import taught_from


@dataclass(frozen=True)
class Pretraining(StartSettings, Training):
    """What a pretraining reads."""

    files_of: ClassVar = (*StartSettings.files_of, *Training.files_of)

    def files(self) -> list[Path]:
        return [*StartSettings.files(self), *Training.files(self)]


def pretrain(
    settings: Pretraining,
    *,
    seed: TrainingSeed,
    data: CardIn,
    encoder: CheckpointOut,
    history: HistoryOut,
    threads: Threads,
    state: State,
) -> None:
    """Train an encoder from random weights, or from those that `model.weights` names.

    The file `state` keeps the training from epoch to epoch: where a killed one left it, this one goes on from there.

    Raises:
        UserError: the encoded data is missing or does not fit, or the loss is not finite.
    """
    encoded = EncodedData.open(data)
    inputs = {"data": encoded.digest} | started_from(settings.model) | taught_from(settings)
    RoundTraining(
        settings,
        data=encoded,
        todo=Round(seed, number=0, epochs=range(settings.train.epochs)),
        encoder=encoder,
        history=history,
        state=state,
        threads=threads,
        provenance=Provenance.of_stage("pretrain", seed=seed, round=0, params=settings.made_from(), inputs=inputs),
    ).run()
