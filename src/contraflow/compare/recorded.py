"""Runs that DVC has recorded, as they are compared."""

import io
import json
from pathlib import Path

import pandas as pd

from contraflow.baseline.measured import Figures
from contraflow.compare.experiment import Experiment, Stage
from contraflow.encoded.names import DATA, TEST, TEXTS
from contraflow.engines.experiments import Recorded
from contraflow.evaluation.settings import STS
from contraflow.foundations.stages import CODE
from contraflow.settings.values import NOTHING

EVALUATIONS, CURVES = "results/evaluate", "results/evaluate/curves.csv"


def experiment_of(run: Recorded) -> Experiment:
    """What a comparison is made from, read from git and DVC's cache.

    Raises:
        UserError: the run is not complete, or its files are damaged or not in the cache.
    """
    names = sorted(path for path in run.files(EVALUATIONS) if Path(path).match(f"{EVALUATIONS}/encoder-seed*.json"))
    scored = run.params().get(f"eval.{STS}", NOTHING) != NOTHING
    found = [Figures.of_content(json.loads(run.read(path)), Path(path)) for path in names]
    if scored:
        found = [each.beside(*_pairs(run, path)) for each, path in zip(found, names, strict=True)]
    curves = pd.read_csv(io.BytesIO(run.read(CURVES)))
    return Experiment(
        name=run.name,
        params=run.params(),
        stages={name: _stage(run, name) for name in run.stages},
        test_images=_tested(json.loads(run.read(DATA))),
        evaluations={each.seed: each for each in sorted(found, key=lambda each: each.seed)},
        curves=curves,
    )


def _pairs(run: Recorded, path: str) -> tuple[dict[str, float], str]:
    """What an encoder's order of scored pairs is like, beside its evaluation, and the digest of their file."""
    content = json.loads(run.read(f"{EVALUATIONS}/{STS}/{Path(path).name}"))
    return content["figures"], content["provenance"]["inputs"][STS]


def _tested(card: dict) -> str:
    """Of which test the figures are; of a card of an earlier version by the file that holds it."""
    return card.get("tested") or card["digests"][TEST if card["image_size"] else TEXTS]


def _stage(run: Recorded, name: str) -> Stage:
    read = run.dependencies(name).items()
    return Stage(
        code={path: md5 for path, md5 in read if path.startswith(CODE)},
        inputs={path: md5 for path, md5 in read if not path.startswith(CODE)},
        outputs=run.outputs(name),
    )
