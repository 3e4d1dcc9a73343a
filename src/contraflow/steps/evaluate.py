"""The step `evaluate`: how good one representation is."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.arrays import save_arrays
from contraflow.artefacts import require_same, sha256, write_json
from contraflow.config import Eval, Params
from contraflow.data.card import EncodedData
from contraflow.data.loader import ImageLoader, ViewBatch, ViewLoader
from contraflow.devices import cores, lease
from contraflow.errors import UserError
from contraflow.evaluation.accuracy import measure
from contraflow.evaluation.frozen import frozen, require_finite
from contraflow.evaluation.geometry import alignment, uniformity
from contraflow.evaluation.knn import Labelled
from contraflow.evaluation.pixels import all_pixels, principal_components
from contraflow.evaluation.record import DIGITS, Counts, label_figures, protocol
from contraflow.evaluation.similarity import similarity_counts
from contraflow.models import build_encoder
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed
from contraflow.progress import say, track
from contraflow.stages import code_digest

READS = ("eval", "augment", "model")
ALIGNED = 2_000  # test images whose views are compared
SPREAD = 10_000  # test images whose features are compared, each with each
VIEW_SEED = 0  # the same views for every representation


@dataclass(frozen=True)
class Features:
    """Features of all training and test images with their labels, and of two views of some test images, labelled with
    the number of the view.
    """

    train: Labelled
    test: Labelled
    views: Labelled

    def mapped(self, change: Callable[[np.ndarray], np.ndarray]) -> "Features":
        """All features (N, D) changed in the same way."""
        return Features(*(Labelled(change(part.features), part.labels) for part in (self.train, self.test, self.views)))


def evaluate_representation(
    params: Params, *, representation: str, data: Path, checkpoint: Path | None, out: Path, threads: int
) -> None:
    """Measure one representation and write its figures to `out` (.json).

    An encoder's features of the test images, with labels and predictions, go into the `.npz` beside it. Beside raw
    pixels their principal components are measured, into `pca_pixels.json`.

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
    card = encoded.card
    name, seed = _parse(representation, checkpoint)
    torch.set_num_threads(cores())
    inputs, source = {"data": encoded.digest}, representation
    if name == "encoder":
        encoder = _trained(checkpoint, seed, encoded.digest)
        inputs["encoder"] = sha256(checkpoint)
        source = f"the encoder of seed {seed} ({checkpoint})"
    elif name == "untrained":
        torch.manual_seed(seed)
        encoder = build_encoder(settings.model, card.channels, card.image_size)
    else:
        encoder = all_pixels(card.image_size)
    provenance = {
        "step": "evaluate",
        "code": code_digest("evaluate"),
        "params": {section: value.model_dump() for section, value in vars(settings).items()},
        "inputs": inputs,
    }
    with lease() as (device,):
        features = _features(encoder, encoded, settings, device, threads, representation, source)
        write = partial(_measure, encoded=encoded, settings=settings.eval, device=device, provenance=provenance)
        write(features, name, seed, out=out)
        if name == "raw_pixels":
            components = principal_components(features.train.features[encoded.training])
            write(features.mapped(components.transform), "pca_pixels", None, out=out.with_name("pca_pixels.json"))


def _measure(
    features: Features,
    name: str,
    seed: int | None,
    *,
    encoded: EncodedData,
    settings: Eval,
    device: torch.device,
    provenance: dict,
    out: Path,
) -> None:
    """Write the figures of one representation."""
    card, train, test, views = encoded.card, features.train, features.test, features.views
    provenance = provenance | {"representation": name if seed is None else f"{name}-seed{seed}"}
    aligned, spread_out = (_evenly(len(test.labels), most) for most in (ALIGNED, SPREAD))
    first, second = (views.features[views.labels == side] for side in (0, 1))
    uniform = uniformity(test.features[spread_out], device=device) if len(spread_out) > 1 else None
    found = None
    if card.labelled:
        say(f"{provenance['representation']} · linear probe and k-NN on {len(train.labels):,} training images")
        found = measure(
            train,
            encoded.training,
            encoded.validation,
            test,
            classes=len(card.classes),
            settings=settings,
            device=device,
        )
    if name == "encoder":
        predicted = found.predicted if found else np.full(len(test.labels), -1, np.int64)
        arrays = {"features": test.features, "label": test.labels, "predicted": predicted}
        save_arrays(out.with_suffix(".npz"), provenance, **arrays)
    counts = Counts(len(encoded.training), len(encoded.validation), len(test.labels), len(aligned), len(spread_out))
    content = {
        "representation": name,
        "seed": seed,
        "dimension": test.features.shape[1],
        **label_figures(found, test.labels, card.classes),
        "alignment": round(alignment(first, second), DIGITS),
        "uniformity": None if uniform is None else round(uniform, DIGITS),
        "similarities": similarity_counts(first, second, test.labels[aligned]),
        "protocol": protocol(name, test.features.shape[1], counts, settings, found),
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
    encoded: EncodedData,
    settings: SimpleNamespace,
    device: torch.device,
    threads: int,
    label: str,
    source: str,
) -> Features:
    batch_size = settings.eval.batch_size
    loading = {"batch_size": batch_size, "threads": threads, **encoded.card.loading}
    train, test = (ImageLoader(file, **loading) for file in (encoded.train_beton, encoded.test_beton))
    aligned = _evenly(encoded.card.test["images"], ALIGNED)
    views = ViewLoader(encoded.test_beton, settings.augment.chosen().whole(), seed=VIEW_SEED, **loading)
    pairs = _sides(views.epoch(0, order=aligned, drop_last=False))
    found = []
    with frozen(encoder):
        for part, batches, total in (
            ("train", train, len(train)),
            ("test", test, len(test)),
            ("views", pairs, -(-len(aligned) // batch_size)),
        ):
            shown = track(batches, total=total, label=f"{label} · {part}", unit="batches")
            found.append(Labelled(*embed(encoder, shown, device)))
            require_finite(found[-1].features, source)
    return Features(*found)


def _sides(batches: Iterable[ViewBatch]) -> Iterator[tuple[Tensor, Tensor]]:
    """Both views of the images in one batch, labelled with 0 for the first and 1 for the second."""
    for batch in batches:
        yield batch.views.flatten(0, 1), torch.arange(2).repeat_interleave(len(batch.index))


def _evenly(images: int, most: int) -> np.ndarray:
    """Indices of up to `most` images, evenly spaced: files may be sorted by class."""
    return np.linspace(0, images - 1, min(images, most)).round().astype(np.int64)
