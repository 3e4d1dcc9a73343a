"""One round of training, from parameters and data to a checkpoint and its history."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.collectives import rank, world_size
from contraflow.devices import job_cores
from contraflow.encoded.card import EncodedData
from contraflow.encoded.splits import draw_labelled
from contraflow.errors import UserError
from contraflow.methods.parts.base import DataShape, Method
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.slots import MinedSlots
from contraflow.models.checkpoint import load_encoder, load_model, save_model
from contraflow.models.embed import embed
from contraflow.training.history import Epoch, save_history
from contraflow.training.loop import train
from contraflow.views.companions import CompanionLoader
from contraflow.views.device_loader import view_loader
from contraflow.views.loader import ImageLoader

PROJECTED = 500  # images at a time


def train_round(
    settings: SimpleNamespace,
    device: torch.device,
    *,
    data: EncodedData,
    seed: int,
    number: int,
    epochs: range,
    out: Path,
    threads: int,
    provenance: dict,
    state: Path,
    start: Path | None = None,
    encoder: Path | None = None,
    indices: np.ndarray | None = None,
    before: Sequence[Epoch] = (),
    order: Callable[..., np.ndarray] | None = None,
    companions: np.ndarray | None = None,
    stored: np.ndarray | None = None,
    validate: Callable[[nn.Module], float] | None = None,
) -> None:
    """Train and write `encoder.safetensors` and `history.csv` into `out`; each process of a training does all of it on
    a device of its own, but for the writing.

    Args:
        settings: Holds the sections augment, model, method, loss, negatives and train, and how many labels may be seen.
        device: Where this process computes.
        number: 0 for pretraining, then the number of the mining round.
        epochs: Numbered on from the rounds before, so that no two rounds see the same views.
        threads: CPU threads that make views.
        provenance: What the round is made from, for the checkpoint.
        state: File in which the training is kept after each epoch.
        start: The checkpoint to go on from; None draws weights from the seed.
        encoder: A checkpoint, perhaps of another method, of which the encoder's weights are taken.
        indices: Of the images to train on; None takes all training images.
        before: The history of that checkpoint's own training.
        order: `order(epoch=...)` is the order of the samples in an epoch; None draws it.
        companions: The images that each brings along as negatives, by sample index, (images, m) int64; None for none.
        stored: Such images whose slots are negatives, in the same shape: a slot starts as the projection of its image
            and is no part of the checkpoint. None for none.
        validate: Gives the validation accuracy of an encoder; None where there are no labels to measure it with.

    Raises:
        UserError: data, checkpoint and parameters do not fit together, or the loss is not finite.
    """
    card = data.card
    torch.set_num_threads(job_cores())
    torch.manual_seed(seed)  # the same in all processes, which draw the same weights and the same numbers in each step
    positions = torch.from_numpy(data.positions)
    shape = DataShape(card.channels, card.image_size, card.train["images"], len(card.classes), positions)
    method = METHODS[settings.method.name](settings, shape)
    labels = _labels(method, data, settings)
    if start is not None:
        load_model(start, method)
    if encoder is not None:
        method.encoder.load_state_dict(load_encoder(encoder)[0].state_dict())
    augment = settings.augment.chosen()
    common = {
        "device": device,
        "half": settings.train.precision != "float32",
        "seed": seed,
        "threads": _share(threads),
        "indices": data.training if indices is None else indices,
        "part": rank(),
        "parts": world_size(),
        **card.loading,
    }
    batch_size, recipes = settings.train.batch_size, augment.whole()
    loader = view_loader(
        data.train_beton,
        recipes,
        batch_size=batch_size,
        local=augment.local(),
        local_size=augment.local_pixels(card.image_size),
        **common,
    )
    if companions is not None:
        others = view_loader(data.train_beton, recipes[:1], batch_size=batch_size * companions.shape[1], **common)
        loader = CompanionLoader(loader, others, companions)
    if stored is not None:
        method.slots = MinedSlots(
            _projections(method, data, device, _share(threads)), settings.method.bank_momentum, torch.from_numpy(stored)
        )
    history = train(
        method,
        loader,
        settings.train,
        labels=labels,
        epochs=epochs,
        device=device,
        label=f"seed {seed} · round {number}",
        state=state,
        before=before,
        order=order,
        validate=validate,
    )
    if rank() == 0:
        if stored is not None:
            method.slots = None
        images = {"channels": card.channels, "image_size": card.image_size, "mean": card.mean, "std": card.std}
        save_model(out / "encoder.safetensors", method, provenance | images | {"data": card.name})
        save_history(out / "history.csv", history, seed, number)


def _share(threads: int) -> int:
    return max(1, threads // world_size())


def _projections(method: Method, data: EncodedData, device: torch.device, threads: int) -> Tensor:
    """Of all training images as they are, by sample index, (images, D); zeros for the others."""
    images = ImageLoader(
        data.train_beton, batch_size=PROJECTED, threads=threads, indices=data.training, **data.card.loading
    )
    found, _ = embed(nn.Sequential(method.encoder, method.projection), images, device)
    vectors = torch.zeros(data.card.train["images"], found.shape[1])
    vectors[data.training] = torch.from_numpy(found)
    return vectors


def _labels(method: Method, data: EncodedData, settings: SimpleNamespace) -> Tensor:
    """What the method may see, by sample index: (images,), -1 for none."""
    labels = data.labels("train")
    if not method.needs_labels:
        return torch.full((len(labels),), -1)
    if not data.card.labelled:
        raise UserError(f"method.name {settings.method.name} needs labels, and {data.card.name} has none")
    allowed = settings.data
    return torch.from_numpy(
        draw_labelled(labels, data.training, fraction=allowed.labelled_fraction, seed=allowed.split_seed)
    )
