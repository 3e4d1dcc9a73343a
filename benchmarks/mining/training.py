"""Trainings of the arms."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from benchmarks.mining.tasks import Task
from benchmarks.parameters import SHIPPED, with_changes
from benchmarks.rows import digest
from benchmarks.steps import encode_into, evaluated, pretrain_into
from contraflow.devices import cores
from contraflow.encoded.card import EncodedData
from contraflow.evaluation.over_seeds import same_class_share
from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages
from contraflow.mining.mining_pass import MiningPass
from contraflow.params import Params
from contraflow.steps.mine.mine import MiningSettings, mine
from contraflow.steps.mine.train_control import ControlTraining, train_control
from contraflow.steps.mine.train_mined import MinedTraining, train_mined
from contraflow.training.history import read_history

STAGES = ("encode", "pretrain", "mine", "evaluate")
VALIDATION = "validation_"
"""What the columns of figures of the held-out images begin with."""


class Before(NamedTuple):
    """The training that the rounds go on from: its folder, and the processor seconds that it took."""

    folder: Path
    seconds: float


class Trainings:
    """Trains and measures the arms of a task, with all that they share in a folder."""

    def __init__(self, task: Task, folder: Path):
        self.task, self.folder = task, folder
        self._pictures = task.pictures.written(folder / "pictures")
        self._data = encode_into(folder / "data", self._params({}))
        self._before: dict[tuple, Before] = {}

    def measure(self, name: str, *, seed: int, tau: float) -> dict:
        """The figures of one training: of the test images, of the validation images, of mining, and its seconds."""
        arm = self.task.arms[name]
        params = self._params({**arm.changes, "loss.tau": tau})
        folder, seconds = self._pretrained(params, seed)
        mining_seconds, met, false = 0.0, None, None
        for number in range(1, params.mining.rounds + 1):
            out = self.folder / "arm" / f"round{number}"
            out.mkdir(parents=True, exist_ok=True)
            (out / "state").unlink(missing_ok=True)
            files = {
                "start": folder / "encoder.safetensors",
                "before": folder / "history.csv",
                "data": self._data,
                "encoder": out / "encoder.safetensors",
                "history": out / "history.csv",
                "state": out / "state",
            }
            began = time.process_time()
            if arm.mines:
                table = out / "negatives.npz"
                told = self._params({**arm.changes, **arm.told})
                mine(MiningSettings.of(told), encoder=files["start"], data=self._data, negatives=table, threads=cores())
                mined = time.process_time()
                mining_seconds += mined - began
                train_mined(MinedTraining.of(params), negatives=table, threads=cores(), **files)
                seconds += time.process_time() - mined
                met, false = read_history(files["history"])[-1].meets, self._false(table)
            else:
                train_control(ControlTraining.of(params), threads=cores(), **files)
                seconds += time.process_time() - began
            folder = out
        checkpoint, called = folder / "encoder.safetensors", f"encoder-seed{seed}"
        result = evaluated(params, called, data=self._data, checkpoint=checkpoint, folder=self.folder)
        hits, figures = result.right[self.task.judged_by], self.task.figures
        validation = {f"{VALIDATION}{figure}": result.validation[figure] for figure in figures}
        test = {figure: result.test[figure] for figure in figures}
        words = " · ".join(f"{figure} {value:.2%}" for figure, value in validation.items())
        say(f"{name} · seed {seed} · tau {tau:g} · {words}")
        return {
            "training_seconds": round(seconds, 1),
            "mining_seconds": round(mining_seconds, 1),
            "meets": met,
            "false": false,
            **validation,
            **test,
            "images": hits.images,
            "found": hits.bits,
        }

    def _params(self, changes: Mapping[str, object]) -> Params:
        return with_changes(self._pictures | self.task.always | changes)

    def _pretrained(self, params: Params, seed: int) -> Before:
        """What the rounds go on from: the same for all arms of a length, batch size and rate, seed and temperature."""
        train, tau = params.train, params.loss.tau
        shared = {"train.epochs": train.epochs, "train.batch_size": train.batch_size, "train.lr": train.lr}
        key = seed, tau, *shared.values()
        if key not in self._before:
            out, began = self.folder / "-".join(["before", *map(str, key)]), time.process_time()
            pretrain_into(out, self._params(shared | {"loss.tau": tau}), seed=seed, data=self._data)
            self._before[key] = Before(out, time.process_time() - began)
        return self._before[key]

    def _false(self, table: Path) -> float:
        """Share of the mined negatives that have their anchor's own class."""
        arrays, _ = load_arrays(table, MiningPass)
        return same_class_share(arrays["anchor"], arrays["negative"], EncodedData.open(self._data).labels("train"))


def code(task: Task) -> str:
    """Digest of what a row rests on: the code and parameters of all stages, and the settings of the task."""
    stages, settings = Stages(Path()), [dict(task.always), {name: asdict(arm) for name, arm in task.arms.items()}]
    return digest([*map(stages.code, STAGES), SHIPPED.read_text(encoding="utf-8"), json.dumps(settings)])
