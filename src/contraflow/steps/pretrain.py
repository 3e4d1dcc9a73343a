"""The step `pretrain`: a method trained from random weights."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

from contraflow.encoded.card import EncodedData
from contraflow.params import Params
from contraflow.stages import chosen, code_digest
from contraflow.training.parallel import on_gpus
from contraflow.training.rounds import train_round
from contraflow.training.validation import validation_knn

READS = ("data.labelled_fraction", "data.split_seed", "augment", "model", "method", "loss", "negatives", "train")


def pretrain(params: Params, *, seed: int, data: Path, out: Path, threads: int, state: Path) -> None:
    """Train an encoder with one seed and write `encoder.safetensors` and `history.csv` into `out`.

    The file `state` keeps the training from epoch to epoch: where a killed one left it, this one goes on from there.

    Raises:
        UserError: the encoded data is missing or does not fit, or the loss is not finite.
    """
    settings = params.only(*READS)
    encoded, values = EncodedData.open(data), chosen(params.model_dump(), READS)
    files = {"out": out, "state": state}
    train_from_start(settings, encoded, "pretrain", values, seed, settings.train.epochs, threads=threads, **files)


def train_from_start(
    settings: SimpleNamespace,
    data: EncodedData,
    stage: str,
    values: dict,
    seed: int,
    epochs: int,
    *,
    out: Path,
    threads: int,
    state: Path,
) -> None:
    """Train from random weights, in one schedule, on as many GPUs as `settings.train` asks for.

    Args:
        settings: What the training reads.
        data: The encoded images.
        stage: Whose code and files these are.
        values: The parameters that are read, by dotted names, for the provenance.
    """
    provenance = {
        "step": stage,
        "code": code_digest(stage),
        "seed": seed,
        "round": 0,
        "params": values,
        "inputs": {"data": data.digest},
    }
    work = partial(
        train_round,
        settings,
        data=data,
        seed=seed,
        number=0,
        epochs=range(epochs),
        out=out,
        threads=threads,
        provenance=provenance,
        state=state,
        validate=validation_knn(data, threads),
    )
    on_gpus(settings.train.gpus, work)
