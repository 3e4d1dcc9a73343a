"""What an encoder of 8 bits costs: its figures beside the original's, measured as the stage evaluate measures."""

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
from contraflow.evaluation.results import DIGITS
from contraflow.evaluation.settings import Eval
from contraflow.evaluation.written import label_figures
from contraflow.foundations.progress import track
from contraflow.models.embed import embed, require_finite
from contraflow.neighbours.bank import unit
from contraflow.neighbours.knn import Labelled
from contraflow.views.loader import ImageLoader


def cost(
    trained: Trained, file: Path, normalisation: dict[str, list[float]], data: EncodedData, settings: Eval
) -> dict[str, Any]:
    """The figures of an encoder and of the file of `write_int8` that it became, on the images that it was trained on.

    Args:
        normalisation: `mean` and `std` of the images that the file takes; those of the encoder are its own.

    Returns:
        `original` and `int8`, accuracies on the test images by name (empty without labels), and `intervals` of the
        latter; `cosine` of both features of a test image, `mean` and `least`; the number of `test_images`; and the
        `batch`, by whose images those of 8 bits are scaled.

    Raises:
        UserError: features are not finite, or nothing can be measured (see `measure`).
    """
    torch.set_num_threads(cores())
    with lease() as (device,):
        original, before = _measured(trained.network, "original", trained.normalisation, data, settings, device, device)
        cpu = torch.device("cpu")
        int8, after = _measured(OnnxEncoder(file), "int8", normalisation, data, settings, cpu, device)
    cosine = np.einsum("nd,nd->n", unit(original), unit(int8), dtype=np.float64)
    return {
        "original": before["test"],
        "int8": after["test"],
        "intervals": after["intervals"],
        "cosine": {"mean": round(float(cosine.mean()), DIGITS), "least": round(float(cosine.min()), DIGITS)},
        "test_images": len(cosine),
        "batch": settings.batch_size,
    }


def _measured(
    network: nn.Module,
    called: str,
    normalisation: dict[str, list[float]],
    data: EncodedData,
    settings: Eval,
    device: torch.device,
    judge: torch.device,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Features of the test images, and the figures by label, those made on `device` and these on `judge`."""

    def features(file: Path, split: str) -> Labelled:
        how = {"batch_size": settings.batch_size, "threads": cores(), "size": data.card.image_size}
        loader = ImageLoader(file, **how, **normalisation)
        batches = track(loader, total=len(loader), label=f"{called} · {split}", unit="batches")
        found = Labelled(*embed(network, batches, device))
        require_finite(found.features, called)
        return found

    train, test = features(data.train_beton, "train"), features(data.test_beton, "test")
    found = measure(data, train, test, settings, judge) if data.card.labelled else None
    return test.features, label_figures(found, test.labels, data.card.classes)
