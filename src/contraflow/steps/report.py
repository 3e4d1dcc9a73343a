"""The step `report`: the page that tells what came out of a run."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import pandas as pd

from contraflow.baseline.pinned import read_pinned
from contraflow.encoded.card import EncodedData
from contraflow.encoded.pixels import read_images
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import Provenance, atomic, read_json, sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.signature import Data, Reads, Settings, Writes
from contraflow.foundations.stages import code_digest
from contraflow.params import Params
from contraflow.report import gallery
from contraflow.report.embedding_map import TILE, choose
from contraflow.report.page import render
from contraflow.report.reading_pictures import read_mined, read_mistaken, read_shown_views
from contraflow.report.run import Run, Samples
from contraflow.report.summary import NAMES


@dataclass(frozen=True)
class Everything(Settings):
    """All parameters: the page shows every one."""

    params: Params

    @classmethod
    def names(cls) -> dict[str, str]:
        return {name: name for name in Params.model_fields}

    @classmethod
    def of(cls, params: Params) -> Self:
        return cls(params)


def report(
    settings: Everything,
    *,
    data: Data,
    metrics: Annotated[Path, Reads("Summary that `summarise` wrote (.json).")],
    curves: Annotated[Path, Reads("Training curves that `summarise` wrote (.csv).")],
    evaluations: Annotated[list[Path], Reads("Figures that `evaluate` wrote (.json).")],
    features: Annotated[list[Path], Reads("Features that `evaluate` wrote (.npz).")],
    negatives: Annotated[list[Path], Reads("Table of mined negatives (.npz).")] = (),
    rounds: Annotated[list[Path], Reads("Figures that `evaluate-rounds` wrote (.json).")] = (),
    extras: Annotated[list[Path], Reads("Figures of an extra evaluation (.json).")] = (),
    baseline: Annotated[Path, Reads("What `contraflow baseline` wrote.")] = Path("baseline.json"),
    page: Annotated[Path, Writes("Page to write (.html).")],
) -> None:
    """Write the page that tells what came out: one HTML file that needs no other. Arguments as for `read_run`."""
    run = read_run(
        settings.params,
        data=data,
        metrics=metrics,
        evaluations=[*evaluations, *features],
        curves=curves,
        negatives=negatives,
        rounds=rounds,
        extras=extras,
        baseline=baseline,
    )
    content = render(run)
    with atomic(page) as temporary:
        temporary.write_text(content, encoding="utf-8")


def read_run(
    params: Params,
    *,
    data: Path,
    metrics: Path,
    evaluations: list[Path],
    curves: Path,
    negatives: list[Path],
    rounds: list[Path],
    extras: list[Path],
    baseline: Path,
) -> Run:
    """Read what the page is made from.

    Args:
        data: Folder of the encoded data.
        metrics: `metrics.json`.
        evaluations: The `.json` of every representation and the `.npz` of the encoders.
        curves: `curves.csv`.
        negatives: `negatives.npz` of every seed and round; none without mining.
        rounds: What `evaluate_rounds` wrote (.json) for every seed; none without mining.
        extras: What the extra evaluations wrote (.json), as far as `eval` asks for them.
        baseline: `baseline.json`.

    Raises:
        UserError: a file is missing, damaged, or was made from other data.
    """
    encoded = EncodedData.open(data)
    card = encoded.card
    features = _features(params.seeds[0], [path for path in evaluations if path.suffix == ".npz"], encoded.digest)
    labels, predicted = features["label"], features["predicted"]
    found = _evaluations(params, encoded, [path for path in evaluations if path.suffix == ".json"])
    train_labels = encoded.labels("train")
    table = _last_negatives(params.seeds[0], negatives, encoded.digest) if params.mining.rounds else None
    samples = gallery.choose_samples(encoded.training, train_labels, len(card.classes))
    mapped = choose(len(labels), params.report.tsne_points)
    return Run(
        params=params,
        card=asdict(card),
        metrics=read_json(metrics),
        evaluations=found,
        curves=_read_curves(curves),
        features=features["features"],
        labels=labels,
        predicted=predicted,
        map_images=read_images(encoded.test_beton, mapped, min(card.image_size, TILE)),
        samples=Samples(read_images(encoded.train_beton, samples, card.image_size), train_labels[samples]),
        views=read_shown_views(params, encoded, gallery.choose_viewed(samples)),
        mistaken=read_mistaken(found, labels, predicted, encoded),
        mined=read_mined(table, params.report.gallery_anchors, encoded, train_labels) if table else None,
        extras=_extras(params, encoded, extras),
        confusions=_confusions(rounds, encoded.digest),
        baseline=read_pinned(baseline),
        digests=_digests(encoded, [metrics, *evaluations, *rounds, curves, baseline], [*extras, *negatives]),
        code=_code(encoded, found, table),
    )


def _evaluations(params: Params, encoded: EncodedData, paths: list[Path]) -> dict[str, dict[int | None, dict]]:
    """The evaluations by representation and by seed, in the order of the parameters."""
    found = {}
    for path in paths:
        evaluation = read_json(path)
        Provenance.of_content(evaluation["provenance"], path).require(path, data=encoded.digest)
        found[evaluation["representation"], evaluation["seed"]] = evaluation
    names = {"linear", *params.eval.few, *(f"knn{knn.k}" for knn in params.eval.knn)}
    scores = names if encoded.card.labelled else set()
    for name, seed in (wanted := _wanted(params)):
        absent = scores - set(found.get((name, seed), {"test": {}})["test"])
        if (name, seed) not in found or absent:
            of = name if seed is None else f"{name} of seed {seed}"
            what = f" ({', '.join(sorted(absent))})" if absent else ""
            raise UserError(f"the report needs an evaluation of {of}{what}: run the step evaluate first")
    return {name: {seed: found[of, seed] for of, seed in wanted if of == name} for name in NAMES}


def _extras(params: Params, encoded: EncodedData, paths: list[Path]) -> dict[str, dict[str, str]]:
    """For each kind of extra evaluation that the parameters ask for, the words of the encoder's on how it was made."""
    found = {}
    for path in paths:
        extra = read_json(path)
        Provenance.of_content(extra["provenance"], path).require(path, data=encoded.digest)
        found[extra["kind"], extra["representation"], extra["seed"]] = extra["protocol"]
    tuned = [(name, seed) for name in ("encoder", "untrained") for seed in params.seeds]
    measured = [*tuned, ("raw_pixels", None)]
    asked = {
        **({"corruptions": measured} if params.eval.corruptions else {}),
        **({"transfer": measured} if params.eval.transfer.name else {}),
        **({"fine_tune": tuned} if params.eval.fine_tune.share else {}),
    }
    for kind, representations in asked.items():
        for name, seed in representations:
            if (kind, name, seed) not in found:
                of = name if seed is None else f"{name} of seed {seed}"
                raise UserError(f"the report needs the {kind} of {of}: run the step evaluate first")
    return {kind: found[kind, "encoder", params.seeds[0]] for kind in asked}


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
    told = {"encode": encoded.card.provenance["code"], **mine, "evaluate": evaluation["provenance"]["code"]}
    return told | {"report": code_digest("report")}


def _confusions(paths: list[Path], digest: str) -> dict[int, np.ndarray]:
    """The counts of all seeds by round."""
    found: dict[int, np.ndarray] = {}
    for path in paths:
        content = read_json(path)
        Provenance.of_content(content["provenance"], path).require(path, data=digest)
        for entry in content["rounds"]:
            if "confusion" in entry:
                found[entry["round"]] = found.get(entry["round"], 0) + np.array(entry["confusion"], np.int64)
    return found


def _digests(encoded: EncodedData, files: list[Path], by_folder: list[Path]) -> dict[str, str]:
    """SHA-256 of every file the page rests on, under names that don't say where the run lies."""
    digests = {"card.json": encoded.digest, **encoded.card.digests}
    digests |= {path.name: sha256(path) for path in files}
    return digests | {"/".join(path.parts[-3:]): sha256(path) for path in by_folder}
