"""Training of the default model: fed by the loader, fed from one batch that lies in memory, and by lightly."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.loader.timing import Case, epochs_of
from benchmarks.loader.torchvision_cases import on_pillow
from contraflow.devices import cores
from contraflow.methods.parts.base import DataShape
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import MethodSettings
from contraflow.params import Params
from contraflow.training.loop import precision_of
from contraflow.views.batch import Batch
from contraflow.views.device_loader import view_loader

CPU = torch.device("cpu")
WARM = 2
Made = TypeVar("Made")


def training_cases(
    path: Path, images: np.ndarray, params: Params, slow: int, fast: int, device: torch.device = CPU
) -> list[Case]:
    """Cases whose batches are steps of training on both views, with the model, batch and recipe of `params`.

    Args:
        path: FFCV file of the images.
        images: The same, (N, H, W, C) uint8.
        slow, fast: Steps that are timed of lightly and of the others.
    """
    size = params.train.batch_size
    channels = images.shape[3]
    recipes = params.augment.chosen().whole()
    loader = view_loader(
        path,
        recipes,
        device=device,
        half=params.train.precision != "float32",
        seed=0,
        batch_size=size,
        threads=cores(),
        mean=[0.5] * channels,
        std=[0.25] * channels,
    )
    epochs = epochs_of(loader)
    ready = next(loader.epoch(0)).to(device)
    step = _ours(params, images, device)
    cases = [
        Case("contraflow", lambda: map(step, epochs()), size, WARM, fast),
        Case("batch_in_memory", lambda: map(step, repeat(ready)), size, WARM, fast),
    ]
    if find_spec("lightly"):
        arguments = images, images.shape[1], channels, recipes[0], size, cores()
        lightly = _lightly(params, images, device)
        cases.append(Case("lightly", lambda: map(lightly, on_pillow(*arguments)), size, WARM, slow))
    return cases


def _ours(params: Params, images: np.ndarray, device: torch.device) -> Callable[[Batch], None]:
    shape = DataShape(images.shape[3], images.shape[1], len(images), 10)
    method = METHODS[params.method.name](MethodSettings.of(params), shape)
    method = method.to(device, memory_format=torch.channels_last).train()
    labels = torch.full((params.train.batch_size,), -1)
    return _stepping(method, lambda batch: method(replace(batch, labels=labels).to(device)).loss, params, device)


def _lightly(params: Params, images: np.ndarray, device: torch.device) -> Callable[[Sequence[Tensor]], None]:
    """lightly's loss, and the DataLoader and transforms that it uses, around the same encoder and head."""
    from lightly.loss import NTXentLoss

    shape = DataShape(images.shape[3], images.shape[1], len(images), 10)
    method = METHODS["simclr"](MethodSettings.of(params), shape).to(device, memory_format=torch.channels_last).train()
    criterion = NTXentLoss(params.loss.tau)

    def loss(views: Sequence[Tensor]) -> Tensor:
        return criterion(*method.embed(method.features(torch.stack(tuple(views)).to(device))))

    return _stepping(method, loss, params, device)


def _stepping(
    method: nn.Module, loss: Callable[[Made], Tensor], params: Params, device: torch.device
) -> Callable[[Made], None]:
    """A step of training on what a loader has made."""
    optimiser = torch.optim.SGD(method.parameters(), lr=0.01, momentum=0.9)
    autocast, scaler = precision_of(params.train.precision, device)

    def step(made: Made) -> None:
        optimiser.zero_grad(set_to_none=True)
        with autocast:
            found = loss(made)
        scaler.scale(found).backward()
        scaler.step(optimiser)
        scaler.update()

    return step
