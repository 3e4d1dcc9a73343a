"""The two ways to train that are compared."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.loader.torchvision_cases import on_pillow
from benchmarks.long.recorded import Loader
from benchmarks.long.sizes import SEED
from contraflow.devices import cores
from contraflow.encoded.beton import open_beton
from contraflow.encoded.card import EncodedData
from contraflow.foundations.progress import say
from contraflow.foundations.shares import part_of
from contraflow.methods.parts.base import Method
from contraflow.training.loop import REFERENCE_BATCH, Round, precision_of, train
from contraflow.training.optimisers import build_optimiser, learning_rate
from contraflow.training.settings import Training
from contraflow.training.state import load_state, save_state
from contraflow.views.items import item_views
from contraflow.views.loader import ViewLoader

CPU = torch.device("cpu")


class Side(Protocol):
    """A way to train on the images of `data` that are trained on."""

    def __init__(self, settings: Training, data: EncodedData): ...

    def loader(self) -> Loader:
        """Two views of each image."""

    def train(self, method: Method, loader: Loader, epochs: int, state: Path) -> None:
        """Train so many epochs, from where the file `state` says that a killed training left off."""


@dataclass(frozen=True)
class Contraflow:
    """As `contraflow pretrain` does."""

    settings: Training
    data: EncodedData

    def loader(self) -> ViewLoader:
        recipes, train = self.settings.augment.chosen().whole(), self.settings.train
        how = {"seed": SEED, "batch_size": train.batch_size, "indices": self.data.training, "threads": cores()}
        return item_views(self.data, "train", recipes, half=train.precision != "float32", **how)

    def train(self, method: Method, loader: Loader, epochs: int, state: Path) -> None:
        todo, labels = Round(SEED, 0, range(epochs)), torch.full((self.data.card.train.images,), -1)
        train(method, loader, self.settings.train, todo=todo, labels=labels, device=CPU, state=state)


@dataclass(frozen=True)
class Lightly:
    """By lightly's loss and the transforms that it uses, in a loop as its documentation has it; encoder, head,
    optimiser, schedule and precision are contraflow's."""

    settings: Training
    data: EncodedData

    def loader(self) -> "_DataLoader":
        return _DataLoader(self.settings, self.data)

    def train(self, method: Method, loader: Loader, epochs: int, state: Path) -> None:
        from lightly.loss import NTXentLoss

        settings, criterion = self.settings.train, NTXentLoss(self.settings.loss.tau)
        method = method.to(CPU, memory_format=torch.channels_last).train()
        optimiser = build_optimiser(settings, method)
        autocast, _ = precision_of(settings.precision, CPU)  # bfloat16 at most, which needs no scaling
        parts, done = {"method": method, "optimiser": optimiser}, 0
        if (kept := load_state(state)) is not None:
            done = kept["epochs"]
            for name, part in parts.items():
                part.load_state_dict(kept[name])
        batches, peak = len(loader), settings.lr * settings.batch_size / REFERENCE_BATCH
        warmup = min(round(part_of(batches, settings.warmup_epochs)), batches * epochs - 1)
        for epoch in range(done, epochs):
            began, losses = time.monotonic(), []
            for step, views in enumerate(loader.epoch(epoch), batches * epoch):
                rate = learning_rate(step, steps=batches * epochs, warmup=warmup, peak=peak)
                for group in optimiser.param_groups:
                    group["lr"] = rate * group["share"]
                with autocast:
                    loss = criterion(*method.embed(method.features(torch.stack(views))))
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                losses.append(loss.detach())
            speed = len(losses) * settings.batch_size / (time.monotonic() - began)
            mean = torch.stack(losses).mean()
            say(f"lightly · epoch {epoch + 1} of {epochs} · loss {mean:.4f} · {speed:,.0f} images/s")
            save_state(state, {name: part.state_dict() for name, part in parts.items()} | {"epochs": epoch + 1})


class _DataLoader:
    """Views by torchvision's transforms of Pillow images in a DataLoader, in as many processes as the cores that the
    training leaves: on a single core another process would only take more than its share of a busy machine."""

    def __init__(self, settings: Training, data: EncodedData):
        card, file = data.card, open_beton(data.train_beton)
        shape = card.image_size, card.image_size, card.channels
        images = [file.stored(i).reshape(shape) for i in data.training]
        recipe, self.batch_size = settings.augment.chosen().whole()[0], settings.train.batch_size
        normalised = {"mean": card.mean, "std": card.std}
        self._loader = on_pillow(images, *shape[1:], recipe, self.batch_size, cores() - 1, **normalised)

    def __len__(self) -> int:
        return len(self._loader)

    def epoch(self, epoch: int) -> Iterator[list[Tensor]]:
        torch.manual_seed(epoch)  # what order and views are drawn from: one that goes on has those it would have had
        np.random.seed(epoch)
        return iter(self._loader)


SIDES: dict[str, type[Side]] = {"contraflow": Contraflow, "lightly": Lightly}


def sides_here() -> list[str]:
    """Those whose libraries are installed."""
    if find_spec("lightly"):
        return list(SIDES)
    say("lightly is not installed, so nothing stands beside contraflow: `pip install --no-deps lightly lightly-utils`")
    return ["contraflow"]
