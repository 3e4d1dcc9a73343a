"""The loop over epochs and batches."""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from contraflow.config import Train
from contraflow.data.loader import ViewLoader
from contraflow.errors import UserError
from contraflow.progress import progress
from contraflow.training.optimisers import build_optimiser, learning_rate
from contraflow.training.state import load_state, save_state

REFERENCE_BATCH = 256  # learning rates are given for this batch and scale linearly (Goyal et al. 2017)


@dataclass(frozen=True)
class Epoch:
    """One row of a training's history."""

    epoch: int
    loss: float
    lr: float


def train(
    method: nn.Module,
    loader: ViewLoader,
    settings: Train,
    *,
    epochs: range,
    device: torch.device,
    label: str,
    state: Path,
    order: Callable[[int], np.ndarray] | None = None,
) -> list[Epoch]:
    """Train `method` in place, from where a killed training of the same left off.

    Args:
        method: Maps views (V, B, C, H, W) to a scalar loss.
        loader: Gives the views of an epoch.
        settings: Optimiser, peak learning rate and schedule; `epochs` of it is not read.
        epochs: The epochs to train, numbered from the beginning of the run, so that no two rounds see the same views.
        device: Where to compute.
        label: What the progress line calls this training.
        state: File in which everything is kept after each epoch; where it exists, the training goes on from it.
        order: Gives the order of the samples in an epoch; None draws it.

    Returns:
        One row an epoch, with the mean loss over its batches and the last learning rate.

    Raises:
        UserError: the loss is not finite, the data has fewer images than one batch, or the file `state` is damaged.
    """
    batches = len(loader)
    method = method.to(device, memory_format=torch.channels_last).train()
    optimiser = build_optimiser(settings, method)
    peak = settings.lr * settings.batch_size / REFERENCE_BATCH
    steps = batches * len(epochs)
    warmup = min(round(settings.warmup_epochs * batches), steps - 1)
    autocast, scaler = _precision(settings.precision, device)
    parts = {"method": method, "optimiser": optimiser, "scaler": scaler}
    history = _go_on(state, parts)
    step = batches * len(history)
    with progress(steps * settings.batch_size, label=label, done=step * settings.batch_size) as bar:
        for epoch in epochs[len(history) :]:
            total = 0.0
            for views, _ in loader.epoch(epoch, order=order(epoch) if order else None):
                rate = learning_rate(step, steps=steps, warmup=warmup, peak=peak)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                with autocast:
                    loss = method(views.to(device, non_blocking=True))
                optimiser.zero_grad(set_to_none=True)
                scaler.scale(loss).backward()
                scaler.step(optimiser)
                scaler.update()
                total += _finite(loss, epoch, rate)
                step += 1
                bar.set_postfix_str(
                    f"epoch {epoch + 1} · loss {total / (step - batches * len(history)):.4f}", refresh=False
                )
                bar.update(settings.batch_size)
            history.append(Epoch(epoch + 1, total / batches, rate))
            _keep(state, parts, history)
    return history


def _keep(path: Path, parts: dict, history: list[Epoch]) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    save_state(path, state | {"history": [astuple(row) for row in history], "random": torch.get_rng_state()})


def _go_on(path: Path, parts: dict) -> list[Epoch]:
    """Fill all parts with what a killed training left, and return the epochs that it had finished."""
    if (kept := load_state(path)) is None:
        return []
    for name, part in parts.items():
        part.load_state_dict(kept[name])
    torch.set_rng_state(kept["random"])
    return [Epoch(*row) for row in kept["history"]]


def _finite(loss: torch.Tensor, epoch: int, rate: float) -> float:
    value = loss.item()
    if not np.isfinite(value):
        raise UserError(
            f"the loss became {value} in epoch {epoch + 1} at learning rate {rate:.4g}: "
            "lower train.lr, raise loss.tau or train.warmup_epochs"
        )
    return value


def _precision(name: str, device: torch.device) -> tuple[torch.autocast, torch.amp.GradScaler]:
    """Autocast and loss scaling: bfloat16 where the device has it, else float16, whose gradients need scaling."""
    mixed = name == "mixed" or (name == "auto" and device.type == "cuda")
    half = torch.float16 if device.type == "cuda" and not torch.cuda.is_bf16_supported() else torch.bfloat16
    autocast = torch.autocast(device.type, dtype=half, enabled=mixed)
    return autocast, torch.amp.GradScaler(device.type, enabled=mixed and half is torch.float16)
