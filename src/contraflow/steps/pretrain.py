"""The step `pretrain`: a method trained from random weights."""

from contraflow.encoded.card import EncodedData
from contraflow.foundations.signature import Data, Seed, State, Threads
from contraflow.training.from_start import CheckpointOut, HistoryOut, train_from_start
from contraflow.training.rounds import Files
from contraflow.training.settings import Training


def pretrain(
    settings: Training,
    *,
    seed: Seed,
    data: Data,
    encoder: CheckpointOut,
    history: HistoryOut,
    threads: Threads,
    state: State,
) -> None:
    """Train an encoder from random weights.

    The file `state` keeps the training from epoch to epoch: where a killed one left it, this one goes on from there.

    Raises:
        UserError: the encoded data is missing or does not fit, or the loss is not finite.
    """
    encoded, files = EncodedData.open(data), Files(encoder, history, state)
    train_from_start(
        settings,
        encoded,
        stage="pretrain",
        params=settings.made_from(),
        seed=seed,
        epochs=settings.train.epochs,
        files=files,
        threads=threads,
    )
