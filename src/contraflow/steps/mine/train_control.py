from dataclasses import dataclass
from typing import Annotated

from contraflow.encoded.card import EncodedData
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import CardIn, Setting, State, Threads
from contraflow.models.checkpoint import load_encoder
from contraflow.training.history import read_history
from contraflow.training.loop import Round
from contraflow.training.rounds import BeforeIn, CheckpointOut, HistoryOut, RoundTraining, StartIn
from contraflow.training.settings import Training
from contraflow.training.teacher import taught_from


@dataclass(frozen=True)
class ControlTraining(Training):
    """What a round of the control reads: nothing of how negatives are mined, so that it stands beside any of it."""

    mined_epochs: Annotated[int, Setting("mining.epochs")]
    mining_lr: Annotated[float, Setting("mining.lr")]


def train_control(
    settings: ControlTraining,
    *,
    start: StartIn,
    before: BeforeIn,
    data: CardIn,
    encoder: CheckpointOut,
    history: HistoryOut,
    threads: Threads,
    state: State,
) -> None:
    """Go on training without mined negatives, as the control of a mining round.

    Epochs, views, rate and schedule are those of `train_mined`; batches are drawn at random, as in pretraining. Against
    the history `before` a collapse is measured. The file `state` keeps the training from epoch to epoch, as in
    `pretrain`.

    Raises:
        UserError: the checkpoint was trained on other data, or the loss is not finite.
    """
    encoded = EncodedData.open(data)
    _, made_from = load_encoder(start)
    made_from.require(start, data=encoded.digest)
    seed, number = made_from.seed, made_from.round + 1
    epochs = settings.epochs_of(number, settings.mined_epochs)
    inputs = {"data": encoded.digest, "encoder": sha256(start)} | taught_from(settings)
    RoundTraining(
        settings.with_rate(settings.mining_lr),
        data=encoded,
        todo=Round(seed, number, epochs, start=start, before=read_history(before)),
        encoder=encoder,
        history=history,
        state=state,
        threads=threads,
        provenance=Provenance.of_stage("mine", seed=seed, round=number, params=settings.made_from(), inputs=inputs),
    ).run()
