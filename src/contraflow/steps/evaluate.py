"""The step `evaluate`: how good one representation is."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.arrays import save_arrays
from contraflow.artefacts import require_same, sha256, write_json
from contraflow.config import Params
from contraflow.data.card import EncodedData
from contraflow.data.loader import ImageLoader, ViewBatch, ViewLoader
from contraflow.devices import cores, lease
from contraflow.errors import UserError
from contraflow.evaluation.accuracy import measure
from contraflow.evaluation.frozen import frozen, require_finite
from contraflow.evaluation.geometry import alignment, uniformity
from contraflow.evaluation.knn import Labelled
from contraflow.evaluation.record import Counts, label_figures, protocol
from contraflow.models import build_encoder
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed
from contraflow.progress import say, track
from contraflow.stages import code_digest

READS = ("eval", "augment", "model")
ALIGNED = 2_000  # test images whose views are compared
SPREAD = 10_000  # test images whose features are compared, each with each
DIGITS = 6  # of alignment and uniformity; what follows is rounding
VIEW_SEED = 0  # the same views for every representation


def evaluate_representation(
    params: Params, *, representation: str, data: Path, checkpoint: Path | None, out: Path, threads: int
) -> None:
    """Measure one representation and write its figures to `out` (.json).

    An encoder's features of the test images, with labels and predictions, go into the `.npz` beside it.

    Args:
        params: Parameters of the run.
        representation: `raw_pixels`, `untrained-seedN` or `encoder-seedN`.
        data: Folder of the encoded data.
        checkpoint: The trained encoder; None for the other two.
        out: File to write.
        threads: CPU threads that load images.

    Raises:
        UserError: the representation is unknown, the checkpoint is missing or does not fit, or features are not finite.
    """
    settings = params.only(*READS)
    encoded = EncodedData.open(data)
    name, seed = _parse(representation, checkpoint)
    torch.set_num_threads(cores())
    inputs = {"data": encoded.digest}
    if name == "encoder":
        encoder = _trained(checkpoint, seed, encoded.digest)
        inputs["encoder"] = sha256(checkpoint)
    elif name == "untrained":
        torch.manual_seed(seed)
        encoder = build_encoder(settings.model, encoded.card.channels, encoded.card.image_size)
    else:
        encoder = nn.Flatten()
    card, source = encoded.card, str(checkpoint or representation)
    loading = {"batch_size": settings.eval.batch_size, "threads": threads, **card.loading}
    aligned, spread_out = (_evenly(card.test["images"], most) for most in (ALIGNED, SPREAD))
    with lease() as (device,):
        with frozen(encoder):
            train, test = (
                _features(encoder, loader, len(loader), device, f"{representation} · {split}", source)
                for split, loader in (
                    ("train", ImageLoader(encoded.train_beton, **loading)),
                    ("test", ImageLoader(encoded.test_beton, **loading)),
                )
            )
            recipes = settings.augment.chosen().whole()
            views = ViewLoader(encoded.test_beton, recipes, seed=VIEW_SEED, **loading)
            batches = _sides(views.epoch(0, order=aligned, drop_last=False))
            total = -(-len(aligned) // settings.eval.batch_size)
            pairs = _features(encoder, batches, total, device, f"{representation} · views", source)
        uniform = uniformity(test.features[spread_out], device=device) if len(spread_out) > 1 else None
        found = None
        if card.labelled:
            say(f"{representation} · linear probe and k-NN on {len(train.labels):,} training images")
            found = measure(
                train,
                encoded.training,
                encoded.validation,
                test,
                classes=len(card.classes),
                settings=settings.eval,
                device=device,
            )
    counts = Counts(len(encoded.training), len(encoded.validation), len(test.labels), len(aligned), len(spread_out))
    provenance = {
        "step": "evaluate",
        "code": code_digest("evaluate"),
        "representation": representation,
        "params": {section: value.model_dump() for section, value in vars(settings).items()},
        "inputs": inputs,
    }
    if name == "encoder":
        predicted = found.predicted if found else np.full(len(test.labels), -1, np.int64)
        arrays = {"features": test.features, "label": test.labels, "predicted": predicted}
        save_arrays(out.with_suffix(".npz"), provenance, **arrays)
    content = {
        "representation": name,
        "seed": seed,
        "dimension": test.features.shape[1],
        **label_figures(found, test.labels, card.classes),
        "alignment": round(alignment(*(pairs.features[pairs.labels == side] for side in (0, 1))), DIGITS),
        "uniformity": None if uniform is None else round(uniform, DIGITS),
        "protocol": protocol(name, counts, settings.eval, found),
        "provenance": provenance,
    }
    write_json(out, content)


def _parse(representation: str, checkpoint: Path | None) -> tuple[str, int | None]:
    match = re.fullmatch(r"(raw_pixels)|(untrained|encoder)-seed(\d+)", representation)
    if not match:
        raise UserError(f"representation must be raw_pixels, untrained-seedN or encoder-seedN, got {representation!r}")
    name = match[1] or match[2]
    if name == "encoder" and checkpoint is None:
        raise UserError(f"{representation} needs a checkpoint: name one with --checkpoint")
    if name != "encoder" and checkpoint is not None:
        raise UserError(f"{representation} takes no checkpoint, got {checkpoint}")
    return name, int(match[3]) if match[3] else None


def _trained(checkpoint: Path, seed: int, digest: str) -> nn.Module:
    encoder, made_from = load_encoder(checkpoint)
    require_same(checkpoint, "data set", digest, made_from["inputs"]["data"])
    if made_from["seed"] != seed:
        raise UserError(
            f"{checkpoint} was trained with seed {made_from['seed']}, but is to be evaluated as seed {seed}"
        )
    return encoder


def _features(
    encoder: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    total: int,
    device: torch.device,
    label: str,
    source: str,
) -> Labelled:
    found = Labelled(*embed(encoder, track(batches, total=total, label=label, unit="batches"), device))
    require_finite(found.features, source)
    return found


def _sides(batches: Iterable[ViewBatch]) -> Iterator[tuple[Tensor, Tensor]]:
    """Both views of the images in one batch, labelled with 0 for the first and 1 for the second."""
    for batch in batches:
        yield batch.views.flatten(0, 1), torch.arange(2).repeat_interleave(len(batch.index))


def _evenly(images: int, most: int) -> np.ndarray:
    """Indices of up to `most` images, evenly spaced: files may be sorted by class."""
    return np.linspace(0, images - 1, min(images, most)).round().astype(np.int64)
