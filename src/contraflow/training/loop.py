"""The loop over epochs and batches."""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.collectives import average_gradients, from_first, rank
from contraflow.foundations.progress import say, track
from contraflow.foundations.shares import part_of
from contraflow.methods.parts.base import Method
from contraflow.methods.parts.slots import MinedSlots
from contraflow.models.cached import in_parts
from contraflow.training.diagnosis import Recent
from contraflow.training.history import Epoch, collapse, ends_early, save_history, so_far
from contraflow.training.optimisers import build_optimiser, learning_rate
from contraflow.training.running_loss import RunningLoss
from contraflow.training.settings import Train
from contraflow.training.state import load_state, save_state
from contraflow.views.loader import CompanionLoader, ViewLoader
from contraflow.views.texts import TextViews

LOOK = 1.0  # seconds between two looks at the losses of an epoch: the host waits for a GPU each time
REFERENCE_BATCH = 256  # learning rates are given for this batch and scale linearly (Goyal et al. 2017)


class MinedImages(NamedTuple):
    """Mined negatives that each image brings along: their sample indices (images, m) int64.

    They come in a view each, or as slots, the vectors that they last had: a vector starts as the projection of its
    image, and is no part of the checkpoint.
    """

    companions: np.ndarray
    as_slots: bool


class Composed(NamedTuple):
    """The sample indices (N,) in the order of an epoch in which images meet mined negatives.

    `meets` is how many of its negatives an image shares its batch with, the mean over all in full batches, and
    `meets_none` the share of them that share it with none.
    """

    order: np.ndarray
    meets: float
    meets_none: float


@dataclass(frozen=True)
class Round:
    """What is trained, from where on, on which images.

    Attributes:
        seed: Draws weights, order and views.
        number: 0 for pretraining, then the number of the mining round.
        epochs: Numbered on from the rounds before, so that no two rounds see the same views.
        start: The checkpoint to go on from; None draws weights from the seed, but for those of `model.weights`.
        before: The history of that checkpoint's own training, against which a collapse is measured.
        mined: What mining brings: images that come along, or `mined(epoch)`, the order of the images in an epoch; None
            for nothing.
        encoder: A checkpoint, perhaps of another method, of which the encoder's weights are taken.
        indices: Of the images to train on; None takes all training images.
    """

    seed: int
    number: int
    epochs: range
    start: Path | None = None
    before: Sequence[Epoch] = ()
    mined: Callable[[int], Composed] | MinedImages | None = None
    encoder: Path | None = None
    indices: np.ndarray | None = None

    @property
    def fresh(self) -> bool:
        """Whether nothing of this run was trained before."""
        return self.start is None and self.encoder is None

    def composed(self, epoch: int) -> Composed | None:
        """The order of an epoch; None where it is drawn from the seed."""
        return self.mined(epoch) if callable(self.mined) else None

    def companions(self, *, as_slots: bool) -> np.ndarray | None:
        """Sample indices of the images that come along in this way, (images, m) int64; None where none do."""
        along = isinstance(self.mined, MinedImages) and self.mined.as_slots == as_slots
        return self.mined.companions if along else None

    def __str__(self) -> str:
        return f"seed {self.seed} · round {self.number}"


def train(
    method: Method,
    loader: ViewLoader | TextViews | CompanionLoader,
    settings: Train,
    *,
    todo: Round,
    labels: Tensor,
    device: torch.device,
    state: Path,
    slots: MinedSlots | None = None,
    teacher: nn.Module | None = None,
    texts: Callable[[int], Tensor] | None = None,
    validate: Callable[[nn.Module], float] | None = None,
) -> list[Epoch]:
    """Train `method` in place, from where a killed training of the same left off.

    With `settings.ema` its encoder has the averaged weights at the end, its heads have the last ones.
    Several processes (`contraflow.collectives`) train copies of it, which stay equal; the first writes `state`.

    Args:
        loader: Gives the views of an epoch, those of this process's part of each batch.
        settings: Optimiser, peak learning rate and schedule; `epochs` of it is not read.
        todo: Which epochs, after which history, and what mining brings.
        labels: Of every sample that the loader may give, by sample index, (images,) int64; -1 where none is to be seen.
        state: File in which everything is kept after each epoch; where it exists, the training goes on from it. The
            history lies beside it (`so_far`), for whoever looks on.
        slots: Of all images, from which those of mined negatives are negatives of each batch; None for none.
        teacher: A network whose features of the views the method is told, and which does not learn; None for none.
        texts: Gives for an epoch the tokens of a text of each image, by sample index, (images, T) int64; None where the
            method is told none.
        validate: Gives the validation accuracy of an encoder, every `settings.knn_every` epochs; None where there is
            nothing to measure it with.

    Returns:
        One row an epoch.

    Raises:
        UserError: the loss is not finite, or the file `state` is damaged.
    """
    batches, epochs, label = len(loader), todo.epochs, str(todo)
    method = method.to(device, memory_format=torch.channels_last).train()
    optimiser = build_optimiser(settings, method)
    peak = settings.lr * settings.batch_size / REFERENCE_BATCH
    steps = batches * len(epochs)
    warmup = min(round(part_of(batches, settings.warmup_epochs)), steps - 1)  # rounding may take it to the end
    autocast, scaler = precision_of(settings.precision, device)
    parts = {"method": method, "optimiser": optimiser, "scaler": scaler}
    if slots is not None:
        parts["slots"] = slots.to(device)
    kept, average = method.encoder, None
    if settings.ema is not None:  # of weights alone: BatchNorms' statistics are those of the last step
        kept = average = parts["average"] = deepcopy(kept).requires_grad_(False)
    if teacher is not None:
        teacher = teacher.to(device, memory_format=torch.channels_last).eval()
    history = _go_on(state, parts)
    step = batches * len(history)
    trained, of_encoder = ([p for p in part.parameters() if p.requires_grad] for part in (method, method.encoder))
    with track(total=steps * settings.batch_size, label=label, done=step * settings.batch_size) as bar:
        for epoch in epochs[len(history) :]:
            if ends_early(history, settings):
                break
            held = {*method.held(epoch), *(of_encoder if epoch < settings.frozen_epochs else ())}
            for weight in trained:
                weight.requires_grad_(not (todo.fresh and weight in held))
            loss, norms, recent = RunningLoss(label, epoch + 1), [], Recent()
            began = looked = time.monotonic()
            composed, said = todo.composed(epoch), None if texts is None else texts(epoch)
            for made in loader.epoch(epoch, order=composed and composed.order):
                rate = learning_rate(step, steps=steps, warmup=warmup, peak=peak)
                for group in optimiser.param_groups:
                    group["lr"] = rate * group["share"]
                batch = replace(made, labels=labels[made.shown], progress=step / steps)
                if said is not None:
                    others = None if made.companions is None else said[made.companions]
                    batch = replace(batch, texts=said[made.index], companion_texts=others)
                batch = batch.to(device)
                if slots is not None:
                    vectors, of_images = slots.of(batch.index)
                    batch = replace(batch, slots=vectors, slot_index=of_images)
                if teacher is not None:
                    with autocast, torch.no_grad():
                        batch = replace(batch, taught=in_parts(teacher, batch.views, settings.micro_batch))
                with autocast:
                    output = method(batch)
                if slots is not None:
                    slots.refresh(batch.index, output.embeddings)
                optimiser.zero_grad(set_to_none=True)
                scaler.scale(output.loss).backward()
                average_gradients(trained)
                scaler.unscale_(optimiser)
                norms.append(torch.nn.utils.get_total_norm([p.grad for p in trained if p.grad is not None]))
                if settings.clip is not None:
                    torch.nn.utils.clip_grads_with_norm_(trained, settings.clip, norms[-1])
                scaler.step(optimiser)
                scaler.update()
                if average is not None:
                    _follow(average, method.encoder, 1 - settings.ema if step else 1.0)
                loss.add(output.loss, rate)
                recent.add(output.embeddings)
                step += 1
                if time.monotonic() - looked > LOOK:
                    mean = loss.mean()
                    bar.set_postfix_str(f"epoch {epoch + 1} of {epochs.stop} · loss {mean:.4f}", refresh=False)
                    looked = time.monotonic()
                bar.update(settings.batch_size)
            mean = loss.mean()
            speed = batches * settings.batch_size / (time.monotonic() - began)
            accuracy = None
            if rank() == 0 and validate and settings.knn_every and (len(history) + 1) % settings.knn_every == 0:
                accuracy = validate(kept)
                kept.train()
            row = Epoch(
                epoch=epoch + 1,
                loss=mean,
                lr=rate,
                **recent.diagnose(),
                gradient_norm=_mean_of_finite(torch.stack(norms)),
                knn=accuracy,
                meets=composed and composed.meets,
                meets_none=composed and composed.meets_none,
            )
            history.append(from_first(replace(row, collapse=collapse([*todo.before, *history, row]))))
            say(f"{label} · {history[-1].words()} · {speed:,.0f} images/s")
            if rank() == 0:
                _keep(state, parts, history)
                save_history(so_far(state), history, todo.seed, todo.number)
    if average is not None:
        method.encoder.load_state_dict(kept.state_dict())
    return history


def _keep(path: Path, parts: dict, history: list[Epoch]) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    save_state(path, state | {"history": [asdict(row) for row in history], "random": torch.get_rng_state()})


def _go_on(path: Path, parts: dict) -> list[Epoch]:
    """Fill all parts with what a killed training left, and return the epochs that it had finished."""
    if (kept := load_state(path)) is None:
        return []
    for name, part in parts.items():
        part.load_state_dict(kept[name])
    torch.set_rng_state(kept["random"])
    return [Epoch(**row) for row in kept["history"]]


@torch.no_grad()
def _follow(average: nn.Module, encoder: nn.Module, share: float) -> None:
    """Move averaged weights by a share of the way to those of the encoder; all else is the encoder's.

    Torch's AveragedModel does the same, and has the host wait for a GPU in each step.
    """
    for own, new in zip(average.parameters(), encoder.parameters(), strict=True):
        own.lerp_(new, share)
    for own, new in zip(average.buffers(), encoder.buffers(), strict=True):
        own.copy_(new)


def _mean_of_finite(norms: Tensor) -> float:
    """The mean of the lengths of an epoch's gradients (batches,); one that overflowed in float16 made no step."""
    finite = norms[norms.isfinite()]
    return (finite.double().sum() / max(1, len(finite))).item()


def precision_of(name: str, device: torch.device) -> tuple[torch.autocast, torch.amp.GradScaler]:
    """Autocast and loss scaling, as `train.precision` names them: bfloat16 where the device has it, else float16, whose
    gradients need scaling."""
    mixed = name == "mixed" or (name == "auto" and _gains_by_half(device))
    has_bfloat16 = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    half = torch.bfloat16 if has_bfloat16 else torch.float16
    autocast = torch.autocast(device.type, dtype=half, enabled=mixed)
    return autocast, torch.amp.GradScaler(device.type, enabled=mixed and half is torch.float16)


def _gains_by_half(device: torch.device) -> bool:
    """Whether half precision is faster: on any GPU, on a CPU with instructions for it (elsewhere it is emulated)."""
    return device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
