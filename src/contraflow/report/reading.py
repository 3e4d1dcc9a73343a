"""The files of a finished run, read for its page."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from contraflow.baseline.pinned import read_pinned
from contraflow.encoded.card import EncodedData
from contraflow.encoded.pixels import read_images
from contraflow.evaluation.results import ByRound, Evaluation, Extra
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import Provenance, read_json, sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.stages import code_digest
from contraflow.params import Params
from contraflow.report import gallery
from contraflow.report.classes import confused_shares, largest_errors
from contraflow.report.embedding_map import TILE
from contraflow.report.run import Mined, Mistaken, Run, Samples, Views
from contraflow.report.summary import NAMES
from contraflow.views.shown import read_views


def read_run(
    params: Params,
    *,
    data: Path,
    metrics: Path,
    curves: Path,
    evaluations: list[Path],
    features: list[Path],
    negatives: list[Path],
    rounds: list[Path],
    extras: list[Path],
    baseline: Path,
) -> Run:
    """Read what the page is made from: arguments as for the step `report`. Negatives and rounds are of every seed, none
    without mining; extras those that `eval` asks for.

    Raises:
        UserError: a file is missing, damaged, or was made from other data.
    """
    encoded = EncodedData.open(data)
    card = encoded.card
    arrays = _features(params.seeds[0], features, encoded.digest)
    labels, predicted = arrays["label"], arrays["predicted"]
    found = _evaluations(params, encoded, evaluations)
    train_labels = encoded.labels("train")
    table = _last_negatives(params.seeds[0], negatives, encoded.digest) if params.mining.rounds else None
    by_round = [ByRound.read(path, data=encoded.digest) for path in rounds]
    samples = gallery.choose_samples(encoded.training, train_labels, len(card.classes))
    mapped = gallery.drawn(np.arange(len(labels)), params.report.tsne_points)
    return Run(
        params=params,
        card=card,
        metrics=read_json(metrics),
        evaluations=found,
        curves=_read_curves(curves),
        features=arrays["features"],
        labels=labels,
        predicted=predicted,
        map_images=read_images(encoded.test_beton, mapped, min(card.image_size, TILE)),
        samples=Samples(read_images(encoded.train_beton, samples, card.image_size), train_labels[samples]),
        views=_shown_views(params, encoded, gallery.choose_viewed(samples)),
        mistaken=_mistaken(found, labels, predicted, encoded),
        mined=_mined(table, params.report.gallery_anchors, encoded, train_labels) if table else None,
        extras=_extras(params, encoded, extras),
        confusions=_confusions(by_round),
        probed=_probed(by_round),
        baseline=read_pinned(baseline),
        digests=_digests(encoded, [metrics, *evaluations, *features, *rounds, curves, baseline], [*extras, *negatives]),
        code=_code(encoded, found, table),
    )


def _evaluations(params: Params, encoded: EncodedData, paths: list[Path]) -> dict[str, dict[int | None, Evaluation]]:
    """The evaluations by representation and by seed, in the order of the parameters."""
    found = {}
    for path in paths:
        evaluation = Evaluation.read(path, data=encoded.digest)
        found[evaluation.representation, evaluation.seed] = evaluation
    names = {"linear", *params.eval.few, *(f"knn{knn.k}" for knn in params.eval.knn)}
    scores = names if encoded.card.labelled else set()
    for name, seed in (wanted := _wanted(params)):
        evaluation = found.get((name, seed))
        absent = scores - (evaluation.test.keys() & evaluation.right.keys()) if evaluation else set()
        if not evaluation or absent:
            of = name if seed is None else f"{name} of seed {seed}"
            what = f" ({', '.join(sorted(absent))})" if absent else ""
            raise UserError(f"the report needs an evaluation of {of}{what}: run the step evaluate first")
    return {name: {seed: found[of, seed] for of, seed in wanted if of == name} for name in NAMES}


def _extras(params: Params, encoded: EncodedData, paths: list[Path]) -> dict[str, dict[str, str]]:
    """For each kind of extra evaluation that the parameters ask for, the words of the encoder's on how it was made."""
    read = [Extra.read(path, data=encoded.digest) for path in paths]
    found = {(extra.kind, extra.representation, extra.seed): extra.protocol for extra in read}
    for kind, asked in params.eval.extras.items():
        for name in asked.of:
            for seed in [None] if name == "raw_pixels" else params.seeds:
                if (kind, name, seed) not in found:
                    of = name if seed is None else f"{name} of seed {seed}"
                    raise UserError(f"the report needs the {kind} of {of}: run the step evaluate first")
    return {kind: found[kind, "encoder", params.seeds[0]] for kind in params.eval.extras}


def _wanted(params: Params) -> list[tuple[str, int | None]]:
    """Representation and seed of every evaluation of a run."""
    names = ("encoder", "untrained", "supervised") if params.eval.supervised else ("encoder", "untrained")
    seeded = [(name, seed) for name in names for seed in params.seeds]
    return [*seeded, ("raw_pixels", None), ("pca_pixels", None)]


def _features(seed: int, paths: list[Path], digest: str) -> dict[str, np.ndarray]:
    """Arrays of the encoder of a seed: features of the test images, and their labels."""
    for path in paths:
        if path.stem == f"encoder-seed{seed}":
            arrays, provenance = load_arrays(path)
            provenance.require(path, data=digest)
            return arrays
    raise UserError(f"the report needs the features encoder-seed{seed}.npz: run the step evaluate first")


def _read_curves(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path).replace([math.inf, -math.inf], math.nan)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the step evaluate first") from None


def _last_negatives(seed: int, paths: list[Path], digest: str) -> tuple[dict[str, np.ndarray], Provenance]:
    """Arrays and provenance of the last round's table of a seed."""
    tables = []
    for path in paths:
        arrays, provenance = load_arrays(path)
        provenance.require(path, data=digest)
        if provenance.seed == seed:
            tables.append((arrays, provenance))
    if not tables:
        raise UserError(f"the report needs the mined negatives of seed {seed}: run the step mine first")
    return max(tables, key=lambda table: table[1].round)


def _code(encoded: EncodedData, evaluations: dict, table: tuple | None) -> dict[str, str]:
    """SHA-256 of the code of the stages, as their files tell it."""
    evaluation = next(iter(evaluations["encoder"].values()))
    mine = {"mine": table[1].code} if table else {}
    told = {"encode": encoded.card.provenance.code, **mine, "evaluate": evaluation.provenance.code}
    return told | {"report": code_digest("report")}


def _confusions(by_round: list[ByRound]) -> dict[int, np.ndarray]:
    """The counts of all seeds by round."""
    found: dict[int, np.ndarray] = {}
    for of_seed in by_round:
        for each in of_seed.rounds:
            if each.confusion is not None:
                found[each.round] = found.get(each.round, 0) + np.array(each.confusion, np.int64)
    return found


def _probed(by_round: list[ByRound]) -> dict[int, dict[int, np.ndarray]]:
    """What the probe named rightly, by round and seed."""
    found: dict[int, dict[int, np.ndarray]] = {}
    for of_seed in by_round:
        for each in of_seed.rounds:
            if each.right is not None:
                found.setdefault(each.round, {})[of_seed.seed] = each.right.scores()
    return found


def _digests(encoded: EncodedData, files: list[Path], by_folder: list[Path]) -> dict[str, str]:
    """SHA-256 of every file the page rests on, under names that don't say where the run lies."""
    digests = {"card.json": encoded.digest, **encoded.card.digests}
    digests |= {path.name: sha256(path) for path in files}
    return digests | {"/".join(path.parts[-3:]): sha256(path) for path in by_folder}


def _shown_views(params: Params, encoded: EncodedData, chosen: np.ndarray) -> Views:
    """What the first seed's training sees of the `chosen` training images."""
    augment, size = params.augment.chosen(), encoded.card.image_size
    beton, seed = encoded.train_beton, params.seeds[0]
    whole, small = augment.whole(), augment.local()
    return Views(
        images=read_images(beton, chosen, size),
        whole=np.stack(
            [
                read_views(beton, chosen, whole, seed=seed, epoch=epoch, size=size)
                for epoch in range(min(params.all_epochs, gallery.VIEWED_EPOCHS))
            ]
        ),
        local=read_views(beton, chosen, small, seed=seed, epoch=0, size=augment.local_pixels(size), first=len(whole)),
    )


def _mistaken(evaluations: dict, labels: np.ndarray, predicted: np.ndarray, encoded: EncodedData) -> list[Mistaken]:
    """The pairs of classes that are confused most."""
    shares = confused_shares(evaluations)
    found = []
    for actual, other, share in largest_errors(shares) if shares is not None else ():
        chosen = gallery.choose_mistaken(labels, predicted, actual, other)
        images = read_images(encoded.test_beton, chosen, encoded.card.image_size)
        found.append(Mistaken(actual, other, share, images))
    return found


def _mined(
    table: tuple[dict[str, np.ndarray], Provenance], wanted: int, encoded: EncodedData, labels: np.ndarray
) -> Mined:
    arrays, provenance = table
    rows = gallery.drawn(np.arange(len(arrays["anchor"])), wanted)
    anchor, negative = arrays["anchor"][rows], arrays["negative"][rows, : gallery.MOST_NEGATIVES]
    pictures = read_images(encoded.train_beton, negative.ravel(), encoded.card.image_size)
    return Mined(
        seed=provenance.seed,
        round=provenance.round,
        suspected=float(arrays["suspected"].mean()),
        anchors=read_images(encoded.train_beton, anchor, encoded.card.image_size),
        negatives=pictures.reshape(*negative.shape, *pictures.shape[1:]),
        similarity=arrays["similarity"][rows, : gallery.MOST_NEGATIVES],
        rank=arrays["rank"][rows, : gallery.MOST_NEGATIVES],
        anchor_labels=labels[anchor],
        negative_labels=labels[negative],
    )
