"""The files of a finished run, read for its page.

Each function raises UserError where a file is missing, damaged, or was made from other data.
"""

import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from contraflow.encoded.card import EncodedData
from contraflow.encoded.names import CARD
from contraflow.evaluation.projection import Projection
from contraflow.evaluation.results import ByRound, Evaluation, Extra
from contraflow.evaluation.settings import GRADED
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.stages import code_digest
from contraflow.mining.figures import PassFigures
from contraflow.neighbours.ranking import Pairs, Ranking
from contraflow.params import Params
from contraflow.report.run import Mined, Pass
from contraflow.report.summary import NAMES


def evaluations(params: Params, encoded: EncodedData, paths: list[Path]) -> dict[str, dict[int | None, Evaluation]]:
    """The evaluations by representation and by seed, in the order of the parameters."""
    found = {}
    for path in paths:
        evaluation = Evaluation.read(path, data=encoded.digest)
        found[evaluation.representation, evaluation.seed] = evaluation
    card = encoded.card
    scores = set(params.eval.figures(unseen=card.unseen)) if card.labelled else set()
    by_image = scores - set(GRADED)
    asked = {"control": params.mining.control, "supervised": params.eval.supervised}
    trained = ["encoder", "untrained", *(name for name, wanted in asked.items() if wanted)]
    seeds = dict.fromkeys(trained, params.seeds) | {"raw_pixels": [None], "pca_pixels": [None]}
    for name, seed in ((name, seed) for name, each in seeds.items() for seed in each):
        evaluation = found.get((name, seed))
        absent = (scores - evaluation.test.keys()) | (by_image - evaluation.right.keys()) if evaluation else set()
        if not evaluation or absent:
            of = name if seed is None else f"{name} of seed {seed}"
            what = f" ({', '.join(sorted(absent))})" if absent else ""
            raise UserError(f"the report needs an evaluation of {of}{what}: run the step evaluate first")
    return {name: {seed: found[name, seed] for seed in seeds.get(name, [])} for name in NAMES}


def extras(params: Params, encoded: EncodedData, paths: list[Path]) -> dict[str, dict[str, dict[int | None, Extra]]]:
    """For each kind of extra evaluation that the parameters ask for those by representation and by seed."""
    read = [Extra.read(path, data=encoded.digest) for path in paths]
    by_name = {(extra.kind, extra.representation, extra.seed): extra for extra in read}
    found = {}
    for kind, asked in params.eval.extras.items():
        found[kind] = {name: {} for name in asked.of}
        for name in asked.of:
            for seed in [None] if name in ("raw_pixels", "chance") else params.seeds:
                if (kind, name, seed) not in by_name:
                    of = name if seed is None else f"{name} of seed {seed}"
                    raise UserError(f"the report needs the {kind} of {of}: run the step evaluate first")
                found[kind][name][seed] = by_name[kind, name, seed]
    return found


def features(seed: int, paths: list[Path], digest: str) -> dict[str, np.ndarray]:
    """Arrays of the encoder of a seed: features of the test images, and their labels."""
    for path in paths:
        if path.stem == f"encoder-seed{seed}":
            arrays, provenance = load_arrays(path)
            provenance.require(path, data=digest)
            return arrays
    raise UserError(f"the report needs the features encoder-seed{seed}.npz: run the step evaluate first")


def projection(path: Path, digest: str) -> Projection:
    """Some of the test images in a plane."""
    arrays, provenance = load_arrays(path)
    provenance.require(path, data=digest)
    return Projection(**arrays)


def ranking(params: Params, encoded: EncodedData, arrays: dict[str, np.ndarray]) -> Ranking | None:
    """What the test images find as queries, among the arrays of an encoder; None where that is not measured."""
    if not encoded.card.labelled or not params.eval.recalls(unseen=encoded.card.unseen):
        return None
    names = [field.name for field in fields(Ranking)]
    if not arrays.keys() >= set(names):
        raise UserError("the report needs what the test images find as queries: run the step evaluate first")
    return Ranking(**{name: arrays[name] for name in names})


def pairs(arrays: dict[str, np.ndarray]) -> tuple[Pairs, np.ndarray]:
    """Test images near each other, among the arrays of an encoder, and what each place of both gives to it."""
    names = [field.name for field in fields(Pairs)]
    if not arrays.keys() >= {*names, "regions"}:
        raise UserError("the report needs what makes test images near: run the step evaluate first")
    return Pairs(**{name: arrays[name] for name in names}), arrays["regions"]


def curves(path: Path) -> pd.DataFrame:
    """One row an epoch; what is infinite is not a number."""
    try:
        return pd.read_csv(path).replace([math.inf, -math.inf], math.nan)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the step evaluate first") from None


def negatives(seed: int, paths: list[Path], digest: str) -> tuple[Mined, list[Pass]]:
    """The last round's table of a seed, and the figures of all tables by seed and round."""
    tables, passes = [], []
    for path in paths:
        arrays, provenance = load_arrays(path)
        provenance.require(path, data=digest)
        passes.append(Pass(PassFigures.of(arrays), provenance))
        if provenance.seed == seed:
            tables.append(Mined(arrays, provenance))
    if not tables:
        raise UserError(f"the report needs the mined negatives of seed {seed}: run the step mine first")
    passes.sort(key=lambda each: (each.made_from.seed, each.made_from.round))
    return max(tables, key=lambda table: table.made_from.round), passes


def code_digests(encoded: EncodedData, evaluations: dict, mined: Mined | None) -> dict[str, str]:
    """SHA-256 of the code of the stages, as their files tell it."""
    measured = next(iter(evaluations["encoder"].values()))
    mine = {"mine": mined.made_from.code} if mined else {}
    told = {"encode": encoded.card.provenance.code, **mine, "evaluate": measured.provenance.code}
    return told | {"report": code_digest("report")}


def confusions(by_round: list[ByRound]) -> dict[int, np.ndarray]:
    """The counts of all seeds by round."""
    found: dict[int, np.ndarray] = {}
    for each in (each for of_seed in by_round for each in of_seed.rounds if each.confusion is not None):
        found[each.round] = found.get(each.round, 0) + np.array(each.confusion, np.int64)
    return found


def probed(by_round: list[ByRound]) -> dict[int, dict[int, np.ndarray]]:
    """What the probe named rightly, by round and seed."""
    found: dict[int, dict[int, np.ndarray]] = {}
    for of_seed in by_round:
        for each in of_seed.rounds:
            if each.right is not None:
                found.setdefault(each.round, {})[of_seed.seed] = each.right.scores()
    return found


def digests(encoded: EncodedData, files: list[Path], by_folder: list[Path]) -> dict[str, str]:
    """SHA-256 of every file the page rests on, under names that don't say where the run lies."""
    names = {path.name: path for path in files} | {"/".join(path.parts[-3:]): path for path in by_folder}
    return {CARD: encoded.digest, **encoded.card.digests} | {name: sha256(path) for name, path in names.items()}
