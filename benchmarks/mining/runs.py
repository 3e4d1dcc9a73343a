"""Trainings of the arms."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.mining.arms import ARMS, ROUNDS, UNMINED, Size
from benchmarks.parameters import with_changes
from benchmarks.rows import Rows, digest
from benchmarks.steps import encode_into, pretrain_into
from contraflow.devices import cores
from contraflow.encoded.card import EncodedData
from contraflow.encoded.kin import Kin
from contraflow.evaluation.accuracy import measure
from contraflow.evaluation.settings import Eval
from contraflow.evaluation.summary import same_class_share
from contraflow.foundations.arrays import load_arrays, save_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages
from contraflow.mining.policies import hardest, take_highest
from contraflow.mining.search import Search
from contraflow.mining.table import MiningPass
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed
from contraflow.neighbours.bank import unit
from contraflow.neighbours.knn import Labelled
from contraflow.params import Params
from contraflow.steps.mine.mine import MiningSettings, mine
from contraflow.steps.mine.train_mined import MinedTraining, train_mined
from contraflow.views.loader import ImageLoader

CPU = torch.device("cpu")
ROWS = Path(__file__).with_name("runs.csv")
ALWAYS = {
    "data.validation_fraction": 0.25,
    "train.knn_every": 0,
    "mining.epochs": 1,
    "eval.few_labels": [0.01, 0.1],
    "eval.few_draws": 3,
}


class Runs:
    """All trainings, a row each: those of the file and of this code, and those made now; a path None keeps no file."""

    def __init__(self, path: Path | None, size: Size, folder: Path):
        self.size, self.folder = size, folder
        self.pictures = size.pictures.written(folder / "pictures")
        self.card = encode_into(folder / "data", self._params({}))
        self.data = EncodedData.open(self.card)
        self._rows = Rows(path, code(size))

    @property
    def commits(self) -> str:
        """The commits that trained, in words."""
        return self._rows.commits

    def get(self, arm: str, *, seed: int, tau: float) -> dict:
        """The row of one training, which is trained if there is none."""
        key = {"arm": arm, "seed": seed, "tau": tau}
        return self._rows.get(key, lambda: self._train(arm, seed, tau))

    def _train(self, arm: str, seed: int, tau: float) -> dict:
        params = self._params(ARMS[arm] | {"loss.tau": tau})
        before = self._before(seed, tau)
        row = {"mining_seconds": 0.0}
        for number in range(1, ROUNDS + 1):
            out = self.folder / "arm" / f"round{number}"
            out.mkdir(parents=True, exist_ok=True)
            table = out / "negatives.npz"
            start = time.process_time()
            if arm in UNMINED:
                self._no_table(before, seed, number, table)
            elif arm == "oracle":
                self._oracle(params, before, seed, number, table)
            else:
                files = {"encoder": before / "encoder.safetensors", "data": self.card, "negatives": table}
                mine(MiningSettings.of(params), **files, threads=cores())
            row["mining_seconds"] += time.process_time() - start
            row |= self._false(table, number)
            train_mined(
                MinedTraining.of(params),
                start=before / "encoder.safetensors",
                before=before / "history.csv",
                negatives=table,
                data=self.card,
                encoder=out / "encoder.safetensors",
                history=out / "history.csv",
                threads=cores(),
                state=self._fresh_state(),
            )
            before = out
        row |= self._measure(params.eval, before / "encoder.safetensors")
        say(f"{arm} · seed {seed} · tau {tau:g} · validation 20-NN {row['validation']:.1%}")
        return row

    def _params(self, changes: dict) -> Params:
        sizes = {"data.limit": self.size.images, "train.epochs": self.size.before}
        return with_changes(self.pictures | sizes | ALWAYS | changes)

    def _before(self, seed: int, tau: float) -> Path:
        """The folder of the training that all arms go on from."""
        out = self.folder / f"before-{seed}-{tau:g}"
        if not out.exists():
            pretrain_into(out, self._params({"loss.tau": tau}), seed=seed, data=self.card)
        return out

    def _fresh_state(self) -> Path:
        state = self.folder / "state"
        state.unlink(missing_ok=True)
        return state

    def _no_table(self, before: Path, seed: int, number: int, table: Path) -> None:
        """A table without negatives: batches are then drawn at random."""
        nothing = np.zeros((len(self.data.training), 0), np.int32)
        self._save(before, seed, number, table, nothing)

    def _oracle(self, params: Params, before: Path, seed: int, number: int, table: Path) -> None:
        """The hardest of other classes, by the labels."""
        features, labels = self._features(before / "encoder.safetensors", "train")
        training = self.data.training
        features, labels = features[training], labels[training]
        search = Search(unit(features), [Kin(training)], count=len(features), exact_up_to=len(features))
        found = []
        for rows in np.array_split(np.arange(len(features)), -(-len(features) // 512)):
            candidates = search.candidates(rows)
            other_class = labels[candidates.other] != labels[rows][:, None]
            places = take_highest(np.where(other_class, hardest(candidates), -np.inf), params.mining.k)
            found.append(np.take_along_axis(candidates.other, places, 1))
        self._save(before, seed, number, table, training[np.concatenate(found)].astype(np.int32))

    def _save(self, before: Path, seed: int, number: int, table: Path, negative: np.ndarray) -> None:
        inputs = {"data": self.data.digest, "encoder": sha256(before / "encoder.safetensors")}
        made_from = MiningPass(step="mine", seed=seed, round=number, inputs=inputs, search="exact", recall=1.0)
        save_arrays(table, made_from, anchor=self.data.training, negative=negative)

    def _false(self, table: Path, number: int) -> dict:
        arrays, _ = load_arrays(table, MiningPass)
        anchor, negative, labels = arrays["anchor"], arrays["negative"], self.data.labels("train")
        return {
            f"false_round{number}_place{place + 1}": same_class_share(anchor, negative[:, [place]], labels)
            for place in range(negative.shape[1])
        }

    def _features(self, checkpoint: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
        card = self.data.card
        file = self.data.test_beton if split == "test" else self.data.train_beton
        sizes = {"batch_size": 500, "threads": cores(), "size": card.image_size}
        images = ImageLoader(file, mean=card.mean, std=card.std, **sizes)
        return embed(load_encoder(checkpoint)[0], images, CPU)

    def _measure(self, settings: Eval, checkpoint: Path) -> dict:
        train, test = (Labelled(*self._features(checkpoint, split)) for split in ("train", "test"))
        full = measure(self.data, train, test, settings, CPU)
        return {"validation": full.validation["knn20"], **full.test}


class Recorded:
    """The trainings of the file, whatever code they rest on; none is made."""

    def __init__(self, size: Size):
        self.size = size
        rows = pd.read_csv(ROWS)
        self.commits = ", ".join(rows["commit"].unique())
        self._rows = rows.set_index(["arm", "seed", "tau"])

    def get(self, arm: str, *, seed: int, tau: float) -> dict:
        """The row of one training."""
        return self._rows.loc[(arm, seed, tau)].to_dict()


def code(size: Size) -> str:
    """Digest of what a row rests on: the code and parameters of training, mining and evaluation, and the size."""
    stages = Stages(Path())
    steps = [stages.code(name) for name in ("pretrain", "mine", "evaluate")]
    rests_on = [*steps, Path("params.yaml").read_text(), str((size.images, size.before)), json.dumps(ARMS)]
    return digest(rests_on)
