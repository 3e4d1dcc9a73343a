"""What `search` looks among: training images and their texts, or texts that are alone, as vectors of length 1."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.commands.text_side import TextSide
from contraflow.commands.trained import Trained, normalised
from contraflow.devices import cores
from contraflow.encoded.card import EncodedData
from contraflow.evaluation.said import Said
from contraflow.foundations.arrays import on_disk
from contraflow.foundations.progress import track
from contraflow.models.embed import finite_features
from contraflow.neighbours.bank import Bank, unit
from contraflow.views.items import item_loader

BATCH = 500


@dataclass(frozen=True)
class Among:
    """The items that an encoder was trained on, on the disk of the file `beside` where they are many.

    Attributes:
        side: The encoder of texts; None of images alone.
    """

    trained: Trained
    data: EncodedData
    side: TextSide | None
    device: torch.device
    beside: Path

    def items(self, network: nn.Module) -> Bank:
        """Those by what a network makes of them, in the order of `data.training`."""
        how = {"indices": self.data.training, "given": self.trained.normalisation}
        loader = item_loader(self.data, "train", batch_size=BATCH, threads=cores(), **how)
        batches = track(loader, total=len(loader), label=f"embed training {self.data.card.items}", unit="batches")
        return Bank(on_disk(self._on_sphere(network, batches), beside=self.beside), device=self.device)

    def texts(self) -> tuple[Bank, np.ndarray]:
        """The different texts of the training images, and the first place of each among all texts of `train`."""
        texts = self.data.texts["train"]
        said = Said.of(texts)
        image, text = said.pairs
        first = said.texts[np.unique(text[np.isin(image, self.data.training)])]
        parts = self.side.of_tokens(texts.tokens.take(first), self.device)
        return Bank(on_disk(map(unit, parts), beside=self.beside), device=self.device), first

    def of_images(self, network: nn.Module, images: np.ndarray) -> np.ndarray:
        """What a network makes of images uint8 (N, H, W, C), (N, D)."""
        how = self.trained.normalisation
        parts = (normalised(images[i : i + BATCH], **how) for i in range(0, len(images), BATCH))
        return np.concatenate([*self._on_sphere(network, ((part, torch.zeros(len(part))) for part in parts))])

    def of_texts(self, texts: list[str]) -> np.ndarray:
        """What the encoder of texts makes of them, (N, D)."""
        return np.concatenate([*map(unit, self.side.of_texts(texts, self.device))])

    def _on_sphere(self, network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[np.ndarray]:
        return map(unit, finite_features(network, batches, self.device, str(self.trained.path)))
