"""The step `pretrain`: a method trained from random weights."""

from pathlib import Path

from contraflow.config import Params
from contraflow.data.card import EncodedData
from contraflow.training.rounds import train_round

READS = ("augment", "model", "method", "loss", "train")


def pretrain(params: Params, *, seed: int, data: Path, out: Path, threads: int) -> None:
    """Train an encoder with one seed and write `encoder.safetensors` and `history.csv` into `out`.

    Raises:
        UserError: the encoded data is missing or does not fit, or the loss is not finite.
    """
    settings = params.only(*READS)
    encoded = EncodedData.open(data)
    provenance = {
        "step": "pretrain",
        "seed": seed,
        "round": 0,
        "params": {name: getattr(settings, name).model_dump() for name in READS},
        "inputs": {"data": encoded.digest},
    }
    train_round(
        settings,
        data=encoded,
        seed=seed,
        number=0,
        epochs=range(settings.train.epochs),
        out=out,
        threads=threads,
        provenance=provenance,
    )
