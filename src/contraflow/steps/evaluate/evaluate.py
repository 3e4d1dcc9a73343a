from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.devices import job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.evaluation.accuracy import measure, sought
from contraflow.evaluation.geometry import ALIGNED, SPREAD, alignment, similarity_counts, uniformity
from contraflow.evaluation.pairs import choose_pairs
from contraflow.evaluation.raw_pixels import principal_components
from contraflow.evaluation.regions import regions_alike
from contraflow.evaluation.representation import (
    Called,
    FiguresOut,
    OfTrained,
    Representation,
    frozen,
    open_representation,
)
from contraflow.evaluation.results import DIGITS, Evaluation
from contraflow.evaluation.settings import Eval
from contraflow.evaluation.written import label_figures, protocol
from contraflow.foundations.arrays import evenly, save_arrays
from contraflow.foundations.progress import say
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import CardIn, Threads, Writes
from contraflow.models.settings import Model, StartSettings
from contraflow.neighbours.knn import Labelled
from contraflow.neighbours.ranking import Ranking
from contraflow.neighbours.retrieval import rank_queries
from contraflow.views.batch import Batch
from contraflow.views.items import item_loader, item_views
from contraflow.views.settings import Augment

VIEW_SEED = 0  # the same views for every representation


class Features(NamedTuple):
    """Features of all training and test images with their labels, and of two views of some test images, labelled with
    the number of the view.
    """

    train: Labelled
    test: Labelled
    views: Labelled


@dataclass(frozen=True)
class Evaluating(StartSettings):
    """What is measured, on which views, of which network."""

    eval: Eval
    augment: Augment
    model: Model

    handed: ClassVar = ("mining.rounds",)


def evaluate(
    settings: Evaluating,
    *,
    representation: Called,
    data: CardIn,
    checkpoint: OfTrained = None,
    figures: FiguresOut,
    features: Annotated[Path | None, Writes("Features of the test images to write, too (.npz).")] = None,
    components: Annotated[Path | None, Writes("Figures of principal components to write, too (.json).")] = None,
    threads: Threads,
) -> None:
    """Measure one representation: linear probe, k-NN, retrieval, alignment and uniformity.

    Args:
        representation: `raw_pixels`, `untrained-seedN`, `supervised-seedN`, `control-seedN` or `encoder-seedN`.
        checkpoint: Where it was trained, its encoder.
        features: The file gets the features of the test images, with labels and predictions; of retrieval what each
            query found (see `Ranking`); and of some pairs of images near each other (see `Pairs`) the `regions` that
            make them so (see `regions_alike`).
        components: The file gets what `figures` gets, of the principal components of what was measured.
        threads: CPU threads that load images.

    Raises:
        UserError: the representation is unknown, the checkpoint is missing or does not fit, or features are not finite.
    """
    encoded = EncodedData.open(data)
    subject = open_representation(representation, checkpoint, encoded, settings.model)
    torch.set_num_threads(job_cores())
    provenance = subject.provenance(settings.values())
    with lease() as (device,):
        subject = subject.whitened(encoded, settings.model.whitening, device, threads)
        found = _features(subject, encoded, settings, device, threads)
        made = {"network": subject.network, "whitened": settings.model.whitening}
        write = partial(_measure, **made, encoded=encoded, settings=settings.eval, device=device)
        came = subject.name == "untrained" and settings.model.start(encoded.card.items)
        described = "as_it_came" if came else subject.name
        write(found, subject.name, provenance, described=described, seed=subject.seed, out=figures, kept=features)
        if components is not None:
            name = "pca_pixels"
            change = principal_components(found.train.features[encoded.training], settings.model.whitening)
            changed = Features(*(Labelled(change(part.features), part.labels) for part in found))
            made_from = provenance.model_copy(update={"representation": name})
            write(changed, name, made_from, described=name, seed=None, out=components)


def _measure(
    features: Features,
    name: str,
    provenance: Provenance,
    *,
    described: str,
    seed: int | None,
    network: nn.Module,
    whitened: float,
    encoded: EncodedData,
    settings: Eval,
    device: torch.device,
    out: Path,
    kept: Path | None = None,
) -> None:
    """Write the figures of one representation, and where the test images' features are kept, these."""
    card, train, test, views = encoded.card, features.train, features.test, features.views
    aligned, spread_out = (evenly(len(test.labels), most) for most in (ALIGNED, SPREAD))
    first, second = (views.features[views.labels == side] for side in (0, 1))
    uniform = uniformity(test.features[spread_out], device=device) if len(spread_out) > 1 else None
    found = None
    if card.labelled:
        how = "retrieval" if card.unseen else f"linear probe and k-NN on {len(train.labels):,} training images"
        say(f"{provenance.representation} · {how}")
        found = measure(encoded, train, test, settings, device)
    if kept is not None:
        nothing = np.full(len(test.labels), -1, np.int64)
        predicted = found.probed.predicted if found and found.probed else nothing
        arrays = {"features": test.features, "label": test.labels, "predicted": predicted}
        ranking = None
        if settings.recalls(unseen=card.unseen) and found:
            ranking = rank_queries(sought(test, encoded, settings), gallery=encoded.gallery, device=device)
            arrays |= vars(ranking)
        arrays |= _near(network, test.features, ranking, encoded, device)
        save_arrays(kept, provenance, **arrays)
    Evaluation(
        representation=name,
        seed=seed,
        dimension=test.features.shape[1],
        **label_figures(found, test.labels, card.classes),
        alignment=round(alignment(first, second), DIGITS),
        uniformity=None if uniform is None else round(uniform, DIGITS),
        similarities=similarity_counts(first, second, test.labels[aligned]),
        protocol=protocol(described, test.features.shape[1], whitened, card, settings, found),
        provenance=provenance,
    ).write(out)


def _near(
    network: nn.Module, features: np.ndarray, ranking: Ranking | None, encoded: EncodedData, device: torch.device
) -> dict[str, np.ndarray]:
    """Some test images with their nearest, and the regions that make them so; `features` are of all test images."""
    pairs = choose_pairs(features, ranking, device)
    how = {"batch_size": max(1, pairs.pair.size), "threads": 1}
    batches = item_loader(encoded, "test", indices=pairs.pair.ravel(), **how)
    shown = next((images.unflatten(0, pairs.pair.shape) for images, _ in batches), torch.empty(pairs.pair.shape))
    with frozen(network):
        regions = regions_alike(network, shown, device)
    return vars(pairs) | {"regions": regions}


def _features(
    subject: Representation, encoded: EncodedData, settings: Evaluating, device: torch.device, threads: int
) -> Features:
    batch_size = settings.eval.batch_size
    loading = {"batch_size": batch_size, "threads": threads}
    train, test = (item_loader(encoded, part, **loading) for part in ("train", "test"))
    aligned = evenly(encoded.card.test.images, ALIGNED)
    views = item_views(encoded, "test", settings.augment.chosen().whole(), seed=VIEW_SEED, **loading)
    pairs = _sides(views.epoch(0, order=aligned, drop_last=False))
    with frozen(subject.network):
        return Features(
            subject.features(train, len(train), device, "train"),
            subject.features(test, len(test), device, "test"),
            subject.features(pairs, -(-len(aligned) // batch_size), device, "views"),
        )


def _sides(batches: Iterable[Batch]) -> Iterator[tuple[Tensor, Tensor]]:
    """Both views of the images in one batch, labelled with 0 for the first and 1 for the second."""
    for batch in batches:
        yield batch.views.flatten(0, 1), torch.arange(2).repeat_interleave(len(batch.index))
