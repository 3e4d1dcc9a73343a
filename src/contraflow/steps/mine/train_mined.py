from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np

from contraflow.encoded.card import EncodedData
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import CardIn, Reads, State, Threads
from contraflow.methods.parts.settings import WITH_TEXTS
from contraflow.mining.apart import never_negatives
from contraflow.mining.composition import Composition
from contraflow.mining.mining_pass import MiningPass
from contraflow.mining.settings import HOW, UNREAD, Mining
from contraflow.training.history import read_history
from contraflow.training.loop import Composed, MinedImages, Round
from contraflow.training.rounds import BeforeIn, CheckpointOut, HistoryOut, RoundTraining, StartIn, method_kin
from contraflow.training.settings import Training
from contraflow.training.teacher import taught_from


@dataclass(frozen=True)
class MinedTraining(Training):
    """What a round with mined negatives reads."""

    mining: Mining

    how: ClassVar = HOW
    unread: ClassVar = UNREAD


def train_mined(
    settings: MinedTraining,
    *,
    start: StartIn,
    before: BeforeIn,
    negatives: Annotated[Path, Reads("Table that `mine` wrote with this encoder (.npz).")],
    data: CardIn,
    encoder: CheckpointOut,
    history: HistoryOut,
    threads: Threads,
    state: State,
) -> None:
    """Go on training with mined negatives.

    Against the history `before` a collapse is measured. The file `state` keeps the training from epoch to epoch, as in
    `pretrain`.

    Raises:
        UserError: the negatives were mined with another encoder or on other data, or the loss is not finite.
    """
    encoded = EncodedData.open(data)
    anchor, negative, mined = _read(negatives)
    digest = sha256(start)
    mined.require(negatives, data=encoded.digest, encoder=digest)
    mining, seed, number = settings.mining, mined.seed, mined.round
    if mining.use == "batches":
        context = settings.model.text.context if settings.method.name in WITH_TEXTS else None
        apart = never_negatives(encoded, method_kin(settings, encoded), settings.negatives.exclude_window, context)
        composition = Composition(anchor, negative, apart, mining.neighbourhood, seed)
        brought = partial(_composed, composition, settings.train.batch_size)
    else:
        companions = np.zeros((encoded.card.train.images, mining.companions), np.int64)
        along = negative[:, : mining.companions]
        companions[anchor] = np.where(along < 0, anchor[:, None], along)  # itself, which is no negative, for none
        brought = MinedImages(companions, as_slots=mining.use == "stored")
    epochs = settings.epochs_of(number, mining.epochs)
    inputs = {"data": encoded.digest, "encoder": digest, "negatives": sha256(negatives)} | taught_from(settings)
    RoundTraining(
        settings.with_rate(mining.lr),
        data=encoded,
        todo=Round(seed, number, epochs, start=start, before=read_history(before), mined=brought),
        encoder=encoder,
        history=history,
        state=state,
        threads=threads,
        provenance=Provenance.of_stage("mine", seed=seed, round=number, params=settings.made_from(), inputs=inputs),
    ).run()


def _read(negatives: Path) -> tuple[np.ndarray, np.ndarray, MiningPass]:
    """Of a table the anchors and their negatives, which alone stay in memory, and what it says of itself."""
    arrays, mined = load_arrays(negatives, MiningPass)
    return arrays["anchor"], arrays["negative"], mined


def _composed(composition: Composition, batch_size: int, epoch: int) -> Composed:
    order = composition.order(epoch)
    meets = composition.meets(order, batch_size)
    return Composed(order, float(meets.mean()), float((meets == 0).mean()))
