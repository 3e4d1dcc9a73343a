"""The step `evaluate`: how good one representation is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from contraflow.arrays import evenly, save_arrays
from contraflow.artefacts import write_json
from contraflow.devices import job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.evaluation.accuracy import measure
from contraflow.evaluation.frozen import frozen
from contraflow.evaluation.geometry import alignment, uniformity
from contraflow.evaluation.pixels import principal_components
from contraflow.evaluation.record import DIGITS, Counts, label_figures, protocol
from contraflow.evaluation.representation import Representation, open_representation
from contraflow.evaluation.settings import Eval
from contraflow.evaluation.similarity import similarity_counts
from contraflow.neighbours.knn import Labelled
from contraflow.params import Params
from contraflow.progress import say
from contraflow.stages import code_digest
from contraflow.views.loader import ImageLoader, ViewBatch, ViewLoader

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
    subject = open_representation(representation, checkpoint, encoded, settings.model)
    torch.set_num_threads(job_cores())
    provenance = {
        "step": "evaluate",
        "code": code_digest("evaluate"),
        "params": {section: value.model_dump() for section, value in vars(settings).items()},
        "inputs": subject.inputs,
    }
    with lease() as (device,):
        features = _features(subject, encoded, settings, device, threads)
        write = partial(_measure, encoded=encoded, settings=settings.eval, device=device, provenance=provenance)
        write(features, subject.name, subject.seed, out=out)
        if subject.name == "raw_pixels":
            components = principal_components(features.train.features[encoded.training])
            write(features.mapped(components), "pca_pixels", None, out=out.with_name("pca_pixels.json"))


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
    aligned, spread_out = (evenly(len(test.labels), most) for most in (ALIGNED, SPREAD))
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


def _features(
    subject: Representation, encoded: EncodedData, settings: SimpleNamespace, device: torch.device, threads: int
) -> Features:
    batch_size = settings.eval.batch_size
    loading = {"batch_size": batch_size, "threads": threads, **encoded.card.loading}
    train, test = (ImageLoader(file, **loading) for file in (encoded.train_beton, encoded.test_beton))
    aligned = evenly(encoded.card.test["images"], ALIGNED)
    views = ViewLoader(encoded.test_beton, settings.augment.chosen().whole(), seed=VIEW_SEED, **loading)
    pairs = _sides(views.epoch(0, order=aligned, drop_last=False))
    with frozen(subject.network):
        return Features(
            subject.features(train, len(train), device, "train"),
            subject.features(test, len(test), device, "test"),
            subject.features(pairs, -(-len(aligned) // batch_size), device, "views"),
        )


def _sides(batches: Iterable[ViewBatch]) -> Iterator[tuple[Tensor, Tensor]]:
    """Both views of the images in one batch, labelled with 0 for the first and 1 for the second."""
    for batch in batches:
        yield batch.views.flatten(0, 1), torch.arange(2).repeat_interleave(len(batch.index))
