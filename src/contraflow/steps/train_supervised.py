"""The step `train-supervised`: the ceiling, the same encoder trained with the labels that the methods do without."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

from contraflow.config import Params
from contraflow.data.card import EncodedData
from contraflow.errors import UserError
from contraflow.stages import chosen, code_digest
from contraflow.steps.validation import validation_knn
from contraflow.training.parallel import on_gpus
from contraflow.training.rounds import train_round

READS = ("augment", "model", "train", "mining.rounds", "mining.epochs")


def train_supervised(params: Params, *, seed: int, data: Path, out: Path, threads: int, state: Path) -> None:
    """Train an encoder by cross-entropy and write `encoder.safetensors` and `history.csv` into `out`.

    It starts from the weights that pretraining with this seed starts from, and sees the same views in the same batches
    for as many epochs as pretraining and all mining rounds have together, in one schedule of `train`. The file `state`
    keeps the training from epoch to epoch, as in `pretrain`.

    Raises:
        UserError: the encoded data is missing, has no labels or does not fit, or the loss is not finite.
    """
    settings = params.only(*READS)
    encoded = EncodedData.open(data)
    if not encoded.card.labelled:
        raise UserError(f"eval.supervised must be false for images without labels: {encoded.card.name} has none")
    provenance = {
        "step": "evaluate",
        "code": code_digest("evaluate"),
        "seed": seed,
        "round": 0,
        "params": chosen(params.model_dump(), READS),
        "inputs": {"data": encoded.digest},
    }
    settings.method = SimpleNamespace(name="supervised")
    settings.data = SimpleNamespace(labelled_fraction=1.0, split_seed=0)
    work = partial(
        train_round,
        settings,
        data=encoded,
        seed=seed,
        number=0,
        epochs=range(settings.train.epochs + settings.mining.rounds * settings.mining.epochs),
        out=out,
        threads=threads,
        provenance=provenance,
        state=state,
        validate=validation_knn(encoded, threads),
    )
    on_gpus(settings.train.gpus, work)
