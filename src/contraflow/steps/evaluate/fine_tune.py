"""The step `fine-tune`: how good an encoder becomes where it is trained on with a share of the labels."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
from torch import nn

from contraflow.artefacts import write_json
from contraflow.devices import lease
from contraflow.encoded.card import EncodedData
from contraflow.encoded.splits import draw_labelled
from contraflow.errors import UserError
from contraflow.evaluation.representation import open_representation
from contraflow.methods.parts.base import DataShape
from contraflow.methods.parts.registry import METHODS
from contraflow.models.checkpoint import load_model
from contraflow.models.embed import embed
from contraflow.params import Params
from contraflow.stages import chosen, code_digest
from contraflow.training.parallel import on_gpus
from contraflow.training.rounds import train_round
from contraflow.views.loader import ImageLoader

READS = ("eval.batch_size", "eval.fine_tune", "augment", "model", "train")
METHOD = "supervised"


def fine_tune(
    params: Params, *, representation: str, data: Path, checkpoint: Path | None, out: Path, threads: int, state: Path
) -> None:
    """Train an encoder and a linear classifier on the labels that `eval.fine_tune` allows; write the accuracy to `out`.

    Arguments as for `evaluate_representation`, but that raw pixels cannot be fine-tuned; the file `state` keeps the
    training from epoch to epoch, as in `pretrain`.

    Raises:
        UserError: the images have no labels, fewer may be seen than one batch takes, or as for
            `evaluate_representation`.
    """
    settings = params.only(*READS)
    tuning, encoded = settings.eval.fine_tune, EncodedData.open(data)
    card = encoded.card
    if not card.labelled:
        raise UserError(f"eval.fine_tune.share must be 0 for images without labels: {card.name} has none")
    subject = open_representation(representation, checkpoint, encoded, settings.model)
    if subject.seed is None:
        raise UserError(f"{subject.called} has no weights to fine-tune: name an encoder")
    labels = draw_labelled(encoded.labels("train"), encoded.training, fraction=tuning.share, seed=subject.seed)
    indices = np.flatnonzero(labels >= 0)
    if len(indices) < settings.train.batch_size:
        raise UserError(
            f"eval.fine_tune.share must leave at least train.batch_size, {settings.train.batch_size}, labelled images, "
            f"but {tuning.share:g} leaves {len(indices)}"
        )
    provenance = {
        "step": "evaluate",
        "code": code_digest("evaluate"),
        "representation": subject.called,
        "params": chosen(params.model_dump(), READS),
        "inputs": subject.inputs,
    }
    settings.method = SimpleNamespace(name=METHOD)
    settings.data = SimpleNamespace(labelled_fraction=tuning.share, split_seed=subject.seed)
    settings.train = settings.train.model_copy(update={"lr": tuning.lr, "stop_on": "never"})
    with TemporaryDirectory(prefix="contraflow-") as folder:
        work = partial(
            train_round,
            settings,
            data=encoded,
            seed=subject.seed,
            number=0,
            epochs=range(tuning.epochs),
            out=Path(folder),
            threads=threads,
            provenance=provenance,
            state=state,
            encoder=checkpoint,
            indices=indices,
        )
        on_gpus(settings.train.gpus, work)
        method = METHODS[METHOD](settings, DataShape(card.channels, card.image_size, len(labels), len(card.classes)))
        load_model(Path(folder) / "encoder.safetensors", method)
    images = ImageLoader(encoded.test_beton, batch_size=settings.eval.batch_size, threads=threads, **card.loading)
    with lease() as (device,):
        scores, actual = embed(nn.Sequential(method.encoder, method.projection), images, device)
    content = {
        "kind": "fine_tune",
        "representation": subject.name,
        "seed": subject.seed,
        "figures": {"accuracy": float((scores.argmax(1) == actual).mean())},
        "protocol": {
            "labels": f"of {len(indices)} of {len(encoded.training)} training images, {tuning.share:g} of each class, "
            "drawn by the seed; all other images are left out",
            "training": f"all weights, by cross-entropy of a linear classifier, {tuning.epochs} epochs over these "
            f"images with learning rate {tuning.lr:g}; augmentation, batches and optimiser as in pretraining",
            "test": f"the classifier itself after the last epoch, once on {len(actual)} test images; nothing chosen on "
            "them",
        },
        "provenance": provenance,
    }
    write_json(out, content)
