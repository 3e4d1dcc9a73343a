"""Trainings of the methods."""

import json
import math
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.methods.sizes import ARMS, Budget
from benchmarks.methods.tuning import Grid, grid_of
from benchmarks.parameters import SHIPPED, with_changes
from benchmarks.rows import Rows, digest
from benchmarks.steps import encode_into, evaluated, pretrain_into
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages

SHARED = {"train.batch_size": 128, "train.lr": 0.2}
TRIAL_SEED = 3


class Runs:
    """All trainings on one data set, a row each: those of `rows`, and those made now.

    Args:
        folder: Where the images go.
    """

    def __init__(self, rows: Rows, budget: Budget, folder: Path):
        self.rows, self.budget = rows, budget
        self.common = {"data.limit": budget.images} | SHARED | budget.pictures.written(folder / "pictures")
        self.data = encode_into(folder, with_changes(self.common))

    def trial(self, method: str, value: float) -> float:
        """Accuracy of k-NN on the held-out images after a short training; NaN where that fails."""
        key = self._key(method, TRIAL_SEED, self.budget.trial, value)

        def attempt() -> dict:
            try:
                return self._train(key, measured=False)
            except UserError as error:  # a loss that is not finite; any other mistake, the reported trainings will tell
                say(str(error))
                return {"validation": math.nan}

        return self.rows.get(key, attempt)["validation"]

    def reported(self, method: str, value: float, seed: int) -> dict:
        """The row of a training that is measured on the test images."""
        key = self._key(method, seed, self.budget.final, value)
        return self.rows.get(key, lambda: self._train(key, measured=True))

    def untrained(self, seed: int) -> dict:
        """The row of an encoder with random weights."""

        def measure() -> dict:
            with tempfile.TemporaryDirectory() as folder:
                return self._measured(f"untrained-seed{seed}", self.common, None, Path(folder))

        return self.rows.get(self._key("untrained", seed, 0, 0.0), measure)

    def _key(self, method: str, seed: int, epochs: int, value: float) -> dict:
        return {"data": self.budget.pictures.name, "method": method, "seed": seed, "epochs": epochs, "value": value}

    def _train(self, key: dict, *, measured: bool) -> dict:
        grid, epochs, seed = grid_of(key["method"]), key["epochs"], key["seed"]
        changes = {"train.epochs": epochs, "train.knn_every": epochs}
        changes = self.common | ARMS[key["method"]] | changes | {grid.parameter: key["value"]}
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            start = time.monotonic()
            pretrain_into(out, with_changes(changes), seed=seed, data=self.data)
            row = {"seconds": round(time.monotonic() - start, 1)}
            history = pd.read_csv(out / "history.csv")
            row |= {"validation": history.knn.iloc[-1], "collapsed": bool(history.collapse.notna().any())}
            if measured:
                row |= self._measured(f"encoder-seed{seed}", changes, out / "encoder.safetensors", out)
        say(f"{_words(key, grid)} · validation k-NN {row['validation']:.1%}")
        return row

    def _measured(self, representation: str, changes: dict, checkpoint: Path | None, folder: Path) -> dict:
        """Figures of a representation on the test images."""
        params = with_changes(changes)
        found = evaluated(params, representation, data=self.data, checkpoint=checkpoint, folder=folder)
        return {**found.test, "alignment": found.alignment, "uniformity": found.uniformity}


def _words(key: dict, grid: Grid) -> str:
    return f"{key['data']} · {key['method']} · seed {key['seed']} · {grid.parameter} {key['value']:g}"


def code(budgets: tuple[Budget, ...]) -> str:
    """Digest of what a row rests on: the code and parameters of training and evaluation, and the images."""
    stages = Stages(Path())
    images = [(budget.pictures.name, dict(budget.pictures.changes), budget.images) for budget in budgets]
    settings = json.dumps([SHARED, images])
    return digest([stages.code("pretrain"), stages.code("evaluate"), SHIPPED.read_text(encoding="utf-8"), settings])
