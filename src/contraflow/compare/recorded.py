"""Runs that DVC has recorded, as they are compared."""

import io
import json
from pathlib import Path

import pandas as pd

from contraflow.baseline.measured import Figures
from contraflow.compare.experiment import Experiment, Stage
from contraflow.encoded.names import ENCODED, TEST
from contraflow.engines.experiments import Recorded
from contraflow.evaluation.results import COMPARED
from contraflow.foundations.stages import CODE
from contraflow.settings.values import NOTHING

EVALUATIONS, CURVES = "results/evaluate", "results/evaluate/curves.csv"


def experiment_of(run: Recorded) -> Experiment:
    """What a comparison is made from, read from git and DVC's cache.

    Raises:
        UserError: the run is not complete, or its files are damaged or not in the cache.
    """
    names = sorted(path for path in run.files(EVALUATIONS) if Path(path).match(f"{EVALUATIONS}/encoder-seed*.json"))
    scored = run.params().get("eval.sts", NOTHING) != NOTHING
    found = [
        Figures.of_content(json.loads(run.read(path)), Path(path)).beside(_extra(run, path) if scored else {})
        for path in names
    ]
    curves = pd.read_csv(io.BytesIO(run.read(CURVES)))
    return Experiment(
        name=run.name,
        params=run.params(),
        stages={name: _stage(run, name) for name in run.stages},
        test_images=run.files(ENCODED).get(f"{ENCODED}/{TEST}", ""),
        evaluations={each.seed: each for each in sorted(found, key=lambda each: each.seed)},
        curves=curves,
    )


def _extra(run: Recorded, path: str) -> dict[str, float]:
    """What an encoder's order of scored pairs is like, beside its evaluation."""
    return json.loads(run.read(f"{EVALUATIONS}/{COMPARED}/{Path(path).name}"))["figures"]


def _stage(run: Recorded, name: str) -> Stage:
    read = run.dependencies(name).items()
    return Stage(
        code={path: md5 for path, md5 in read if path.startswith(CODE)},
        inputs={path: md5 for path, md5 in read if not path.startswith(CODE)},
        outputs=run.outputs(name),
    )
