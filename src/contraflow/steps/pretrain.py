from contraflow.encoded.card import EncodedData
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import Data, Seed, State, Threads
from contraflow.training.loop import Round
from contraflow.training.rounds import CheckpointOut, HistoryOut, RoundTraining
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
    encoded = EncodedData.open(data)
    inputs = {"data": encoded.digest}
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
