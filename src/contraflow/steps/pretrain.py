"""The step `pretrain`: a method trained from random weights."""

from functools import partial
from pathlib import Path

from contraflow.config import Params
from contraflow.data.card import EncodedData
from contraflow.stages import chosen, code_digest
from contraflow.steps.validation import validation_knn
from contraflow.training.parallel import on_gpus
from contraflow.training.rounds import train_round

READS = ("data.labelled_fraction", "data.split_seed", "augment", "model", "method", "loss", "negatives", "train")


def pretrain(params: Params, *, seed: int, data: Path, out: Path, threads: int, state: Path) -> None:
    """Train an encoder with one seed and write `encoder.safetensors` and `history.csv` into `out`.

    The file `state` keeps the training from epoch to epoch: where a killed one left it, this one goes on from there.

    Raises:
        UserError: the encoded data is missing or does not fit, or the loss is not finite.
    """
    settings = params.only(*READS)
    encoded = EncodedData.open(data)
    provenance = {
        "step": "pretrain",
        "code": code_digest("pretrain"),
        "seed": seed,
        "round": 0,
        "params": chosen(params.model_dump(), READS),
        "inputs": {"data": encoded.digest},
    }
    work = partial(
        train_round,
        settings,
        data=encoded,
        seed=seed,
        number=0,
        epochs=range(settings.train.epochs),
        out=out,
        threads=threads,
        provenance=provenance,
        state=state,
        validate=validation_knn(encoded, threads),
    )
    on_gpus(settings.train.gpus, work)
