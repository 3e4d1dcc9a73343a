"""Every method on the same images, encoder and number of views, each tuned with the same small budget.

    python -m benchmarks.methods            half an hour on two cores; writes runs.csv and table.md beside this file
    python -m benchmarks.methods --quick    three methods on 1,000 images, about a minute; writes nothing

The first 10,000 training images of Fashion-MNIST, of which a tenth is held out. For each method three trainings of two
epochs with a seed of their own, one for each temperature (methods with a softmax) or learning rate (the others); the
value with the best k-NN on the held-out images is kept, ties going to the middle one. With it a training of six epochs
for each of two seeds, measured on the 10,000 test images. Batches are of 128 images, the learning rate is 0.2 where it
is not tuned; everything else is as in params.yaml, without mining. The labels that supcon and supcon_ce see are those
of all training images.

Each training is a row of runs.csv as soon as it is done; started again, rows of the same code, parameters and settings
are taken as they are. Needs `snakemake fetch` once.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.parameters import with_changes
from benchmarks.rows import Rows, digest
from benchmarks.steps import encode_into, evaluated, pretrain_into
from contraflow.foundations.artefacts import atomic
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages
from contraflow.methods.parts.registry import METHODS
from contraflow.params import Params
from contraflow.statistics import spread

HERE = Path(__file__).parent
TEMPERATURES = ("loss.tau", [0.1, 0.2, 0.5])
RATES = ("train.lr", [0.1, 0.2, 0.4])
LOW_RATES = ("train.lr", [0.01, 0.02, 0.04])  # of losses that are sums over dimensions, ten times as large
GRIDS = {  # RATES for those not named
    **dict.fromkeys(("simclr", "moco", "memory_bank", "nnclr", "supcon", "supcon_ce"), TEMPERATURES),
    **dict.fromkeys(("barlow_twins", "vicreg"), LOW_RATES),
}
FIGURES = ["linear", "knn20", "knn200", "alignment", "uniformity", "seconds"]


@dataclass(frozen=True)
class Size:
    """How much is trained: methods, images, epochs of a trial and of a reported training, and the latter's seeds."""

    methods: tuple[str, ...]
    images: int
    trial: int
    final: int
    seeds: tuple[int, ...]


FULL = Size(tuple(METHODS), 10_000, 2, 6, (0, 1))
QUICK = Size(("simclr", "moco", "byol"), 1_000, 1, 2, (0,))
TRIAL_SEED = 2
SHARED = {"train.batch_size": 128, "train.lr": 0.2}


class Runs:
    """All trainings, a row each: those of the file and of this code, and those made now; a path None keeps no file."""

    def __init__(self, path: Path | None, size: Size, data: Path):
        self.data, self.images = data, size.images
        self.rows = Rows(path, _digest(size.images))

    def get(self, method: str, *, seed: int, epochs: int, value: float, measured: bool) -> dict:
        """The row of one training, which is trained if there is none; `measured` on the test images, or only timed."""
        key = {"method": method, "seed": seed, "epochs": epochs, "value": value}
        return self.rows.get(key, lambda: self._train(method, seed, epochs, value, measured))

    def _train(self, method: str, seed: int, epochs: int, value: float, measured: bool) -> dict:
        changes = SHARED | {"method.name": method, "train.epochs": epochs, "train.knn_every": epochs}
        params = with_changes(changes | {grid_of(method)[0]: value, "data.limit": self.images})
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            start = time.monotonic()
            pretrain_into(out, params, seed=seed, data=self.data)
            row = {"seconds": round(time.monotonic() - start, 1)}
            history = pd.read_csv(out / "history.csv")
            row |= {"validation": history.knn.iloc[-1], "collapsed": bool(history.collapse.notna().any())}
            if measured:
                row |= measured_as(f"encoder-seed{seed}", params, self.data, out / "encoder.safetensors", out)
        say(f"{method} · seed {seed} · {grid_of(method)[0]} {value:g} · validation k-NN {row['validation']:.1%}")
        return row


def _digest(images: int) -> str:
    """What a row rests on: the code and parameters of training and evaluation, and the images."""
    stages = Stages(Path())
    rests_on = [stages.code("pretrain"), stages.code("evaluate"), Path("params.yaml").read_text(), str(images)]
    return digest(rests_on)


def grid_of(method: str) -> tuple[str, list[float]]:
    """The parameter that is tuned and the values that are tried."""
    return GRIDS.get(method, RATES)


def measured_as(representation: str, params: Params, data: Path, checkpoint: Path | None, out: Path) -> dict:
    """Figures of a representation on the test images."""
    found = evaluated(params, representation, data=data, checkpoint=checkpoint, folder=out)
    return {**found.test, "alignment": found.alignment, "uniformity": found.uniformity}


def compare(method: str, runs: Runs, size: Size) -> dict:
    """Tune a method, train it with each seed, and sum that up in a row of the table."""
    name, grid = grid_of(method)
    trials = {
        value: runs.get(method, seed=TRIAL_SEED, epochs=size.trial, value=value, measured=False)["validation"]
        for value in grid
    }
    value = max(grid, key=lambda v: (trials[v], v == grid[1]))
    rows = [runs.get(method, seed=seed, epochs=size.final, value=value, measured=True) for seed in size.seeds]
    return {
        "method": method,
        "tuned": f"{name} {value:g}",
        **figures(rows),
        "collapsed": any(r["collapsed"] for r in rows),
    }


def figures(rows: list[dict]) -> dict:
    """Mean and sample standard deviation of each figure over seeds."""
    found = {}
    for figure in FIGURES:
        values = [row[figure] for row in rows if figure in row]
        if values:
            over_seeds = spread(values)
            found[figure], found[f"{figure}_std"] = over_seeds["mean"], over_seeds["std"]
    return found


def untrained(size: Size, data: Path) -> dict:
    """The row of an encoder with random weights."""
    with tempfile.TemporaryDirectory() as folder:
        names = [f"untrained-seed{seed}" for seed in size.seeds]
        params = with_changes({"data.limit": size.images})
        rows = [measured_as(name, params, data, None, Path(folder)) for name in names]
    return {"method": "untrained", "tuned": "", **figures(rows), "collapsed": False}


def table(rows: list[dict], size: Size) -> str:
    """The rows as Markdown, accuracies in per cent."""
    lines = [
        f"{size.images:,} images of Fashion-MNIST, {size.final} epochs, mean ± standard deviation over seeds "
        f"{', '.join(map(str, size.seeds))}, on the 10,000 test images; from first to last by the linear probe.",
        "How it is measured: `benchmarks/methods/__main__.py`; every training: `runs.csv`.",
        "",
        "| method | tuned | linear | 20-NN | 200-NN | alignment | uniformity | seconds a training |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        accuracies = [f"{100 * row[f]:.2f} ± {100 * row[f'{f}_std']:.2f}" for f in ("linear", "knn20", "knn200")]
        geometry = [f"{row[f]:.3f} ± {row[f'{f}_std']:.3f}" for f in ("alignment", "uniformity")]
        seconds = f"{row['seconds']:.0f}" if "seconds" in row else ""
        name = row["method"] + (" (collapsed)" if row["collapsed"] else "")
        lines.append("| " + " | ".join([name, row["tuned"], *accuracies, *geometry, seconds]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        data = encode_into(Path(folder), with_changes({"data.limit": size.images}))
        runs = Runs(None if quick else HERE / "runs.csv", size, data)
        rows = [compare(method, runs, size) for method in size.methods] + [untrained(size, data)]
    rows.sort(key=lambda row: -row["linear"])
    text = table(rows, size)
    if not quick:
        with atomic(HERE / "table.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
    say(text)
    collapsed = [row["method"] for row in rows if row["collapsed"]]
    order = [row["method"] for row in rows]
    print(json.dumps({"order": order, "best": rows[0], "collapsed": collapsed, "quick": quick}))


if __name__ == "__main__":
    main()
