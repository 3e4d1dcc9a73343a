"""The step `train-supervised`: the ceiling, the same encoder trained with the labels that the methods do without."""

from pathlib import Path
from types import SimpleNamespace

from contraflow.encoded.card import EncodedData
from contraflow.errors import UserError
from contraflow.params import Params, all_epochs
from contraflow.stages import chosen
from contraflow.steps.pretrain import train_from_start

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
    settings.method = SimpleNamespace(name="supervised")
    settings.data = SimpleNamespace(labelled_fraction=1.0, split_seed=0)
    values, files = chosen(params.model_dump(), READS), {"out": out, "state": state}
    train_from_start(settings, encoded, "evaluate", values, seed, all_epochs(settings), threads=threads, **files)
