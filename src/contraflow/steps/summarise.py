"""The last of the stage `evaluate`: what the evaluations come to over all seeds."""

from pathlib import Path

import numpy as np
import pandas as pd

from contraflow.arrays import load_arrays
from contraflow.artefacts import atomic, read_json, require_same, write_json
from contraflow.config import Params
from contraflow.data.card import EncodedData
from contraflow.errors import UserError
from contraflow.evaluation.summary import same_class_share, spread, summarise_evaluations

READS = ("seeds",)


def summarise(
    params: Params,
    *,
    evaluations: list[Path],
    histories: list[Path],
    negatives: list[Path],
    data: Path,
    metrics: Path,
    curves: Path,
    confusion: Path,
) -> None:
    """Sum up all evaluations and trainings of a run.

    Args:
        params: Parameters of the run.
        evaluations: What `evaluate_representation` wrote (.json).
        histories: `history.csv` of every seed and round.
        negatives: Tables of mined negatives, of which each seed's last round is used; none without mining.
        data: Folder of the encoded data.
        metrics: Summary to write (.json): mean, standard deviation of a sample, and number of seeds of each figure.
        curves: Table to write (.csv): one row an epoch, counted on through the rounds.
        confusion: Table to write (.csv): one row a test image, by the probe on the first seed's encoder; in the order
            of the classes.

    Raises:
        UserError: a file is missing or was made from other data.
    """
    encoded = EncodedData.open(data)
    contents = []
    for path in evaluations:
        contents.append(read_json(path))
        require_same(path, "data set", encoded.digest, contents[-1]["provenance"]["inputs"]["data"])
    summary = summarise_evaluations(contents)
    if encoded.card.labelled and negatives:
        summary["mining"] = {"same_class_share": spread(_same_class_shares(negatives, encoded))}
    write_json(metrics, summary)
    history = pd.concat([pd.read_csv(path) for path in histories]).sort_values(["seed", "round", "epoch"])
    _write_table(curves, history)
    first = params.only(*READS).seeds[0]
    _write_table(confusion, _pairs(contents, first, encoded.card.classes))


def _same_class_shares(negatives: list[Path], data: EncodedData) -> list[float]:
    """Of the last round of each seed."""
    last: dict[int, tuple[int, float]] = {}
    labels = data.labels("train")
    for path in negatives:
        arrays, mined = load_arrays(path)
        require_same(path, "data set", data.digest, mined["inputs"]["data"])
        if mined["round"] > last.get(mined["seed"], (0, 0.0))[0]:
            last[mined["seed"]] = mined["round"], same_class_share(arrays["anchor"], arrays["negative"], labels)
    return [share for _, share in last.values()]


def _pairs(evaluations: list[dict], seed: int, classes: list[str]) -> pd.DataFrame:
    """Actual and predicted class of each test image, for one seed's encoder."""
    for evaluation in evaluations:
        if (evaluation["representation"], evaluation["seed"]) == ("encoder", seed):
            counts = np.array(evaluation["confusion"], np.int64).reshape(len(classes), len(classes))
            cells = np.repeat(np.arange(counts.size), counts.ravel())
            names = np.array(classes, dtype=object)
            actual, predicted = np.divmod(cells, len(classes)) if len(cells) else (cells, cells)
            return pd.DataFrame({"actual": names[actual], "predicted": names[predicted]})
    raise UserError(f"the summary needs an evaluation of encoder-seed{seed}: run the step evaluate first")


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
