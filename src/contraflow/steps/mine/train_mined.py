"""The step `train-mined`: a round of training with mined negatives."""

from functools import partial
from pathlib import Path

import numpy as np

from contraflow.arrays import load_arrays
from contraflow.artefacts import require_same, sha256
from contraflow.encoded.card import EncodedData
from contraflow.mining.batches import order_with_negatives
from contraflow.mining.settings import MINING
from contraflow.params import Params
from contraflow.stages import chosen, code_digest
from contraflow.training.history import read_history
from contraflow.training.parallel import on_gpus
from contraflow.training.rounds import train_round
from contraflow.training.validation import validation_knn

READS = (
    *("data.labelled_fraction", "data.split_seed", "augment"),
    *("model", "method", "loss", "negatives", "train", "mining"),
)


def train_mined(
    params: Params, *, encoder: Path, history: Path, negatives: Path, data: Path, out: Path, threads: int, state: Path
) -> None:
    """Go on training an encoder with mined negatives; write `encoder.safetensors` and `history.csv` into `out`.

    `history` is that of the encoder's own training, against which a collapse is measured. The file `state` keeps the
    training from epoch to epoch, as in `pretrain`.

    Raises:
        UserError: the negatives were mined with another encoder or on other data, or the loss is not finite.
    """
    settings = params.only(*READS)
    encoded = EncodedData.open(data)
    arrays, mined = load_arrays(negatives)
    digest = sha256(encoder)
    require_same(negatives, "encoder", digest, mined["inputs"]["encoder"])
    require_same(negatives, "data set", encoded.digest, mined["inputs"]["data"])
    seed, number = mined["seed"], mined["round"]
    first = settings.train.epochs + (number - 1) * settings.mining.epochs
    provenance = {
        "step": "mine",
        "code": code_digest("mine"),
        "seed": seed,
        "round": number,
        "params": chosen(params.model_dump(), [*READS[:-1], *MINING]),
        "inputs": {"data": encoded.digest, "encoder": digest, "negatives": sha256(negatives)},
    }
    if settings.mining.use == "batches":
        use = {"order": partial(order_with_negatives, arrays["anchor"], arrays["negative"], seed=seed)}
    else:
        nearest = np.zeros((encoded.card.train["images"], settings.mining.companions), np.int64)
        nearest[arrays["anchor"]] = arrays["negative"][:, : settings.mining.companions]
        use = {"companions" if settings.mining.use == "forward" else "stored": nearest}
    settings.train = settings.train.model_copy(update={"lr": settings.mining.lr})
    work = partial(
        train_round,
        settings,
        data=encoded,
        seed=seed,
        number=number,
        epochs=range(first, first + settings.mining.epochs),
        out=out,
        threads=threads,
        provenance=provenance,
        state=state,
        start=encoder,
        before=read_history(history),
        validate=validation_knn(encoded, threads),
        **use,
    )
    on_gpus(settings.train.gpus, work)
