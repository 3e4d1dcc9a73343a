"""What an encoder of 8 bits costs: its figures beside the original's, measured as the stage evaluate measures."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from contraflow.commands.onnx import OnnxEncoder
from contraflow.commands.trained import Trained
from contraflow.devices import cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.evaluation.accuracy import measure
from contraflow.evaluation.results import DIGITS, Evaluation
from contraflow.evaluation.settings import Eval
from contraflow.evaluation.written import label_figures
from contraflow.foundations.progress import track
from contraflow.models.embed import embed, require_finite
from contraflow.neighbours.bank import unit
from contraflow.neighbours.knn import Labelled
from contraflow.views.loader import ImageLoader


def cost(
    trained: Trained,
    file: Path,
    normalisation: dict[str, list[float]],
    data: EncodedData,
    settings: Eval,
    known: Evaluation | None,
) -> dict[str, Any]:
    """The figures of an encoder and of the file of `write_int8` that it became, on the images that it was trained on.

    Args:
        normalisation: `mean` and `std` of the images that the file takes; those of the encoder are its own.
        known: An evaluation of the encoder, whose figures count where it was made by the same settings.

    Returns:
        `original` and `int8`, accuracies on the test images by name (empty without labels), and `intervals` of the
        latter; `cosine` of both features of a test image, `mean` and `least`; the number of `test_images`; and the
        `batch`, by whose images those of 8 bits are scaled.

    Raises:
        UserError: features are not finite, or nothing can be measured (see `measure`).
    """
    torch.set_num_threads(cores())
    cpu = torch.device("cpu")
    with lease() as (device,):
        float32 = _Measured(trained.network, "original", trained.normalisation, data, settings, device)
        int8 = _Measured(OnnxEncoder(file), "int8", normalisation, data, settings, cpu)
        alike = known and (known.provenance.params or {}).get("eval") == settings.model_dump(mode="json")
        original = known.test if alike else float32.figures(device)["test"]
        figures = int8.figures(device)
    cosine = np.einsum("nd,nd->n", *(unit(each.test.features) for each in (float32, int8)), dtype=np.float64)
    return {
        "original": original,
        "int8": figures["test"],
        "intervals": figures["intervals"],
        "cosine": {"mean": round(float(cosine.mean()), DIGITS), "least": round(float(cosine.min()), DIGITS)},
        "test_images": len(cosine),
        "batch": settings.batch_size,
    }


@dataclass(frozen=True)
class _Measured:
    """A network that makes features on `device`, of images that are normalised so."""

    network: nn.Module
    called: str
    normalisation: dict[str, list[float]]
    data: EncodedData
    settings: Eval
    device: torch.device

    def figures(self, device: torch.device) -> dict[str, Any]:
        """Those by label, computed on this device."""
        card, found = self.data.card, None
        if card.labelled:
            train = self._features(self.data.train_beton, "train")
            found = measure(self.data, train, self.test, self.settings, device)
        return label_figures(found, self.test.labels, card.classes)

    @cached_property
    def test(self) -> Labelled:
        return self._features(self.data.test_beton, "test")

    def _features(self, file: Path, split: str) -> Labelled:
        how = {"batch_size": self.settings.batch_size, "threads": cores(), "size": self.data.card.image_size}
        loader = ImageLoader(file, **how, **self.normalisation)
        batches = track(loader, total=len(loader), label=f"{self.called} · {split}", unit="batches")
        found = Labelled(*embed(self.network, batches, self.device))
        require_finite(found.features, self.called)
        return found
