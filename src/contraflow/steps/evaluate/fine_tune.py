from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, ClassVar

import numpy as np
from torch import nn

from contraflow.devices import lease
from contraflow.encoded.card import EncodedData
from contraflow.encoded.splits import draw_labelled
from contraflow.evaluation.representation import Called, FiguresOut, OfTrained, open_representation
from contraflow.evaluation.results import Extra
from contraflow.evaluation.settings import FineTune
from contraflow.foundations.errors import UserError
from contraflow.foundations.signature import CardIn, Setting, State, Threads
from contraflow.models.checkpoint import load_model
from contraflow.models.embed import embed
from contraflow.models.settings import Model, StartSettings
from contraflow.training.loop import Round
from contraflow.training.rounds import RoundTraining, build_method
from contraflow.training.settings import Train, Training
from contraflow.views.items import item_loader
from contraflow.views.settings import Augment


@dataclass(frozen=True)
class FineTuning(StartSettings):
    """What is trained on, how, and of which network."""

    batch_size: Annotated[int, Setting("eval.batch_size")]
    tuning: Annotated[FineTune, Setting("eval.fine_tune")]
    augment: Augment
    model: Model
    train: Train

    handed: ClassVar = ("mining.rounds",)


def fine_tune(
    settings: FineTuning,
    *,
    representation: Called,
    data: CardIn,
    checkpoint: OfTrained = None,
    figures: FiguresOut,
    threads: Threads,
    state: State,
) -> None:
    """Train an encoder on with few labels and measure it.

    With a linear classifier it is trained on the labels that `eval.fine_tune` allows. Arguments as for `evaluate`, but
    that raw pixels cannot be fine-tuned; the file `state` keeps the training from epoch to epoch, as in `pretrain`.

    Raises:
        UserError: the images have no labels, fewer may be seen than one batch takes, or as for `evaluate`.
    """
    tuning, encoded = settings.tuning, EncodedData.open(data)
    card = encoded.card
    if not card.labelled:
        raise UserError(f"eval.fine_tune.share must be 0 for images without labels: {card.name} has none")
    if card.unseen:
        raise UserError("eval.fine_tune.share must be 0 here: training has none of the test's classes")
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
    provenance = subject.provenance(settings.values())
    model = settings.model.model_copy(update={"whitening": 0.0})  # the classifier sees features as they are
    supervised = Training.supervised(
        settings.augment, model, settings.train, labelled_fraction=tuning.share, seed=subject.seed
    ).with_rate(tuning.lr, stop_on="never", knn_every=0, frozen_epochs=0, lora=None)
    todo = Round(subject.seed, number=0, epochs=range(tuning.epochs), encoder=checkpoint, indices=indices)
    with TemporaryDirectory(prefix="contraflow-") as folder:
        trained, history = Path(folder) / "encoder.safetensors", Path(folder) / "history.csv"
        files = {"encoder": trained, "history": history, "state": state}
        RoundTraining(supervised, encoded, todo, **files, threads=threads, provenance=provenance).run()
        method = build_method(supervised, encoded, indices)
        load_model(trained, method)
    images = item_loader(encoded, "test", batch_size=settings.batch_size, threads=threads)
    with lease() as (device,):
        scores, actual = embed(nn.Sequential(method.encoder, method.projection), images, device)
    Extra(
        kind="fine_tune",
        representation=subject.name,
        seed=subject.seed,
        figures={"accuracy": float((scores.argmax(1) == actual).mean())},
        protocol={
            "labels": f"of {len(indices)} of {len(encoded.training)} training images, {tuning.share:g} of each class, "
            "drawn by the seed; all other images are left out",
            "training": f"all weights, by cross-entropy of a linear classifier, {tuning.epochs} epochs over these "
            f"images with learning rate {tuning.lr:g}; augmentation, batches and optimiser as in pretraining",
            "test": f"the classifier itself after the last epoch, once on {len(actual)} test images; nothing chosen on "
            "them",
        },
        provenance=provenance,
    ).write(figures)
