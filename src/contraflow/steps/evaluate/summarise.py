from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd

from contraflow.encoded.card import EncodedData
from contraflow.evaluation.over_seeds import same_class_share, summarise_evaluations, summarise_extras, summarise_rounds
from contraflow.evaluation.projection import project
from contraflow.evaluation.results import ByRound, Evaluation, Extra
from contraflow.foundations.arrays import load_arrays, save_arrays
from contraflow.foundations.artefacts import sha256, write_json, write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import CardIn, Reads, Setting, Settings, Writes


@dataclass(frozen=True)
class SummarySettings(Settings):
    """Whose seeds are summed up, and how many images are projected."""

    seeds: list[int]
    tsne_points: Annotated[int, Setting("report.tsne_points")]

    handed: ClassVar = ("mining.rounds", "mining.control", "eval")


def summarise(
    settings: SummarySettings,
    *,
    evaluations: Annotated[list[Path], Reads("Figures that `evaluate` wrote (.json).")],
    histories: Annotated[list[Path], Reads("History of a training (.csv).")],
    negatives: Annotated[list[Path], Reads("Table of mined negatives (.npz).")] = (),
    rounds: Annotated[list[Path], Reads("Figures that `evaluate-rounds` wrote (.json).")] = (),
    extras: Annotated[list[Path], Reads("Figures of an extra evaluation (.json).")] = (),
    features: Annotated[Path, Reads("Features that `evaluate` wrote of the first seed's encoder (.npz).")],
    data: CardIn,
    metrics: Annotated[Path, Writes("Summary to write (.json).")],
    curves: Annotated[Path, Writes("Table of training curves to write (.csv).")],
    confusion: Annotated[Path, Writes("Table of actual and predicted classes to write (.csv).")],
    projection: Annotated[Path, Writes("Test images in a plane to write (.npz).")],
) -> None:
    """Sum up all evaluations: means and spread over seeds; and project test images into a plane.

    Args:
        histories: Of every seed and round.
        negatives: Of every seed and round; none without mining.
        rounds: For every seed; none without mining.
        extras: As far as `eval` asks for them.
        metrics: Mean, standard deviation of a sample, and number of seeds of each figure.
        curves: One row an epoch, counted on through the rounds.
        confusion: One row a test image, by the probe on the first seed's encoder; in the order of the classes.
        projection: Of up to `report.tsne_points` test images (see `Projection`).

    Raises:
        UserError: a file is missing or was made from other data.
    """
    encoded = EncodedData.open(data)
    found = [Evaluation.read(path, data=encoded.digest) for path in evaluations]
    by_round = [ByRound.read(path, data=encoded.digest) for path in rounds]
    summary = summarise_evaluations(found)
    if encoded.card.labelled and negatives:
        summary["rounds"] = summarise_rounds(
            [(each.round, each.accuracies) for of_seed in by_round for each in of_seed.rounds]
            + _mined(negatives, encoded)
        )
        summary["mining"] = {"same_class_share": summary["rounds"][-1]["same_class_share"]}
    write_json(metrics, summary | summarise_extras(Extra.read(path, data=encoded.digest) for path in extras))
    history = pd.concat([pd.read_csv(path) for path in histories]).sort_values(["seed", "round", "epoch"])
    _write_table(curves, history)
    _write_table(confusion, _pairs(found, settings.seeds[0], encoded.card.classes))
    arrays, made_from = load_arrays(features)
    made_from.require(features, data=encoded.digest)
    inputs = {"data": encoded.digest, "features": sha256(features)}
    provenance = Provenance.of_stage("evaluate", seed=settings.seeds[0], params=settings.values(), inputs=inputs)
    save_arrays(projection, provenance, **vars(project(arrays["features"], settings.tsne_points)))


def _mined(negatives: list[Path], data: EncodedData) -> list[tuple[int, dict[str, float]]]:
    """By round how many negatives are false, once a table: of all, of each anchor's most and least similar one."""
    found, labels = [], data.labels("train")
    for path in negatives:
        arrays, mined = load_arrays(path)
        mined.require(path, data=data.digest)
        anchor, negative = arrays["anchor"], arrays["negative"]
        parts = {"share": negative, "first": negative[:, :1], "last": negative[:, -1:]}
        shares = {f"same_class_{name}": same_class_share(anchor, part, labels) for name, part in parts.items()}
        found.append((mined.round, shares))
    return found


def _pairs(evaluations: list[Evaluation], seed: int, classes: list[str]) -> pd.DataFrame:
    """Actual and predicted class of each test image, for one seed's encoder."""
    for evaluation in evaluations:
        if (evaluation.representation, evaluation.seed) == ("encoder", seed):
            n = len(evaluation.confusion)  # 0 where no class could be named
            counts = np.array(evaluation.confusion, np.int64).reshape(n, n)
            cells = np.repeat(np.arange(counts.size), counts.ravel())
            names = np.array(classes, dtype=object)
            actual, predicted = np.divmod(cells, n) if len(cells) else (cells, cells)
            return pd.DataFrame({"actual": names[actual], "predicted": names[predicted]})
    raise UserError(f"the summary needs an evaluation of encoder-seed{seed}: run the step evaluate first")


def _write_table(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
