"""Does mining help? Every policy against no mining, at the same number of gradient steps and image views.

    python -m benchmarks.mining            forty minutes on two cores; writes runs.csv, table.md, gains.svg
    python -m benchmarks.mining --quick    three arms on 1,000 images, about a minute; writes nothing

The first 6,000 training images of Fashion-MNIST, of which a tenth is held out. Every training is three epochs of
plain SimCLR and then two rounds of one epoch, and all arms of one seed and temperature go on from the same three
epochs. In the rounds, `plain` draws its batches at random, `hcl` and `debiased` do so and weigh the negatives of the
batch, and the others compose their batches by what they mined; `random` is the control of their code path. `oracle`
takes the hardest of the other classes by the true labels: how much there would be to gain if no negative were false.
It is no method. `forward` passes one mined negative of each image on beside its two views, which is half as many views
again in as many steps: what that alone does, `random, forward` shows. `stored` compares with the vector that it last
had instead, which costs no view.

For each arm three trainings with a seed of their own, one a temperature; the one with the best 20-NN on the held-out
images is kept, ties going to the middle. With it a training for each of three seeds, measured on the 10,000 test
images: linear probe, k-NN, and the linear probe on 1 % and 10 % of the labels (mean of three draws; weight decay
chosen on the held-out images). False negatives are counted with the labels afterwards, by round and by place among
those taken.

Each training is a row of runs.csv as soon as it is done; started again, rows of the same code, parameters and
settings are taken as they are. Needs `snakemake fetch` once.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from benchmarks.parameters import with_changes
from benchmarks.rows import Rows, digest
from contraflow.arrays import load_arrays, save_arrays
from contraflow.artefacts import atomic, sha256
from contraflow.config import Eval, Params
from contraflow.data.card import EncodedData
from contraflow.data.loader import ImageLoader
from contraflow.devices import cores
from contraflow.evaluation.accuracy import measure
from contraflow.evaluation.knn import Labelled, knn_accuracies
from contraflow.evaluation.summary import same_class_share
from contraflow.mining.policies import hardest, take_highest
from contraflow.mining.search import Search
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed
from contraflow.neighbours import unit
from contraflow.progress import say
from contraflow.stages import Stages
from contraflow.steps.encode import encode
from contraflow.steps.mine import mine
from contraflow.steps.pretrain import pretrain
from contraflow.steps.train_mined import train_mined

HERE = Path(__file__).parent
TAUS = [0.1, 0.2, 0.5]
CPU = torch.device("cpu")
HARDEST = {"mining.policy": "hardest"}
SEMI_HARD = {"mining.policy": "semi_hard", "mining.band": [0.01, 0.1], "mining.candidates": 1000}
MARGIN = {"mining.policy": "margin", "mining.margin": [-1.0, 0.95], "mining.candidates": 4000}
WEIGHTED = {"mining.policy": "weighted", "mining.candidates": 4000}
RANDOM = {"mining.policy": "random"}
ALL = {"mining.false_negatives": "none"}
MUTUAL = {"mining.false_negatives": "mutual"}
RANK = {"mining.false_negatives": "rank"}
RANK_5 = RANK | {"mining.fn_share": 0.05}
VIEWS = {"mining.false_negatives": "views", "mining.fn_threshold": 0.9}
FORWARD = {"mining.use": "forward"}
STORED = {"mining.use": "stored"}
ARMS: dict[str, dict] = {  # what differs from params.yaml
    "plain": {},
    "random": RANDOM | ALL,
    "hardest": HARDEST | ALL,
    "hardest, rank": HARDEST | RANK,
    "hardest, mutual": HARDEST | MUTUAL,
    "hardest, views": HARDEST | VIEWS,
    "semi-hard": SEMI_HARD | ALL,
    "semi-hard, rank 5 %": SEMI_HARD | RANK_5,
    "margin": MARGIN | ALL,
    "margin, rank 5 %": MARGIN | RANK_5,
    "weighted": WEIGHTED | ALL,
    "weighted, rank 5 %": WEIGHTED | RANK_5,
    "random, forward": RANDOM | ALL | FORWARD,
    "weighted, rank 5 %, forward": WEIGHTED | RANK_5 | FORWARD,
    "random, stored": RANDOM | ALL | STORED,
    "weighted, rank 5 %, stored": WEIGHTED | RANK_5 | STORED,
    "hcl": {"negatives.weighting": "hcl"},
    "debiased": {"negatives.weighting": "debiased"},
    "oracle": {},
}
UNMINED = ("plain", "hcl", "debiased")
CONTROLS = ("plain", "random")
FIGURES = {
    "linear": "linear",
    "linear_10pct": "10 % of labels",
    "linear_1pct": "1 % of labels",
    "knn20": "20-NN",
    "knn200": "200-NN",
}
FEW_LABELS = {"eval.few_labels": [0.01, 0.1], "eval.few_draws": 3}


@dataclass(frozen=True)
class Size:
    """How much is trained."""

    arms: tuple[str, ...]
    images: int
    before: int  # epochs
    seeds: tuple[int, ...]
    taus: tuple[float, ...]


FULL = Size(tuple(ARMS), 6_000, 3, (0, 1, 2), tuple(TAUS))
QUICK = Size(("plain", "hardest, rank", "oracle"), 1_000, 1, (0,), (0.2,))
TRIAL_SEED = 9
ROUNDS = 2


class Runs:
    """All trainings, a row each: those of the file and of this code, and those made now; a path None keeps no file."""

    def __init__(self, path: Path | None, size: Size, folder: Path):
        self.size, self.folder = size, folder
        self.data = EncodedData.open(folder / "data")
        self.rows = Rows(path, _digest(size))

    def get(self, arm: str, *, seed: int, tau: float, measured: bool) -> dict:
        """The row of one training, which is trained if there is none; `measured` on the test images or only tried."""
        key = {"arm": arm, "seed": seed, "tau": tau}
        return self.rows.get(key, lambda: self._train(arm, seed, tau, measured))

    def _train(self, arm: str, seed: int, tau: float, measured: bool) -> dict:
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
                mine(params, encoder=before / "encoder.safetensors", data=self.data.folder, out=table, threads=cores())
            row["mining_seconds"] += time.process_time() - start
            row |= self._false(table, number)
            train_mined(
                params,
                encoder=before / "encoder.safetensors",
                history=before / "history.csv",
                negatives=table,
                data=self.data.folder,
                out=out,
                threads=cores(),
                state=self._fresh_state(),
            )
            before = out
        row |= self._measure(params.eval, before / "encoder.safetensors", measured)
        say(f"{arm} · seed {seed} · tau {tau:g} · validation 20-NN {row['validation']:.1%}")
        return row

    def _params(self, changes: dict) -> Params:
        always = {"data.limit": self.size.images, "train.epochs": self.size.before, "train.knn_every": 0}
        return with_changes(always | {"mining.epochs": 1} | FEW_LABELS | changes)

    def _before(self, seed: int, tau: float) -> Path:
        """The folder of the training that all arms go on from."""
        out = self.folder / f"before-{seed}-{tau:g}"
        if not out.exists():
            params = self._params({"loss.tau": tau})
            pretrain(params, seed=seed, data=self.data.folder, out=out, threads=cores(), state=self._fresh_state())
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
        search = Search(unit(features), training, count=len(features), exact_up_to=len(features))
        found = []
        for rows in np.array_split(np.arange(len(features)), -(-len(features) // 512)):
            candidates = search.candidates(rows)
            other_class = labels[candidates.other] != labels[rows][:, None]
            places = take_highest(np.where(other_class, hardest(candidates), -np.inf), params.mining.k)
            found.append(np.take_along_axis(candidates.other, places, 1))
        self._save(before, seed, number, table, training[np.concatenate(found)].astype(np.int32))

    def _save(self, before: Path, seed: int, number: int, table: Path, negative: np.ndarray) -> None:
        inputs = {"data": self.data.digest, "encoder": sha256(before / "encoder.safetensors")}
        made_from = {"seed": seed, "round": number, "inputs": inputs}
        save_arrays(table, made_from, anchor=self.data.training, negative=negative)

    def _false(self, table: Path, number: int) -> dict:
        arrays, _ = load_arrays(table)
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

    def _measure(self, settings: Eval, checkpoint: Path, measured: bool) -> dict:
        train, data, classes = Labelled(*self._features(checkpoint, "train")), self.data, len(self.data.card.classes)
        held_out = train[data.validation]
        validation = knn_accuracies(held_out, train[data.training], settings.knn, classes=classes, device=CPU)["knn20"]
        if not measured:
            return {"validation": validation}
        test = Labelled(*self._features(checkpoint, "test"))
        full = measure(train, data.training, data.validation, test, classes=classes, settings=settings, device=CPU)
        return {"validation": validation, **full.test}


def _digest(size: Size) -> str:
    """What a row rests on: the code and parameters of training, mining and evaluation, and the size."""
    stages = Stages(Path())
    code = [stages.code(name) for name in ("pretrain", "mine", "evaluate")]
    rests_on = [*code, Path("params.yaml").read_text(), str((size.images, size.before)), json.dumps(ARMS)]
    return digest(rests_on)


def compare(arm: str, runs: Runs) -> dict:
    """Tune an arm and train it with each seed."""
    size = runs.size
    if len(size.taus) > 1:
        trials = {tau: runs.get(arm, seed=TRIAL_SEED, tau=tau, measured=False)["validation"] for tau in size.taus}
        tau = max(size.taus, key=lambda t: (trials[t], t == size.taus[1]))
    else:
        [tau] = size.taus
    rows = [runs.get(arm, seed=seed, tau=tau, measured=True) for seed in size.seeds]
    found = {"arm": arm, "tau": tau, "mining_seconds": fmean(row["mining_seconds"] for row in rows), "false": {}}
    for figure in FIGURES:
        found[figure] = [row[figure] for row in rows]
    for number in range(1, ROUNDS + 1):
        names = [name for name in rows[0] if name.startswith(f"false_round{number}_") and not pd.isna(rows[0][name])]
        if names:
            found["false"][number] = [fmean(row[name] for row in rows) for name in names]
    return found


def spread(values: list[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def gain(found: dict, plain: dict, figure: str) -> float:
    """How much higher the mean over seeds is than that of `plain`."""
    return fmean(found[figure]) - fmean(plain[figure])


def beats(found: dict, plain: dict, figure: str) -> bool:
    """Whether the gain exceeds the spread over seeds, of either; one seed has no spread, and shows nothing."""
    return len(found[figure]) > 1 and gain(found, plain, figure) > max(spread(found[figure]), spread(plain[figure]))


def table(found: list[dict], size: Size) -> str:
    """The arms as Markdown, in per cent; the first line says what came out."""
    by_arm = {row["arm"]: row for row in found}
    controls = [by_arm[name] for name in CONTROLS if name in by_arm]
    candidates = [row for row in found if row["arm"] not in (*CONTROLS, "oracle")]
    winners = {
        figure: [row["arm"] for row in candidates if all(beats(row, control, figure) for control in controls)]
        for figure in FIGURES
    }
    said = [f"{words}: {', '.join(winners[figure])}" for figure, words in FIGURES.items() if winners[figure]]
    lines = [
        "Better than no mining and than random others, by more than the spread over seeds: "
        + ("; ".join(said) if said else "nothing")
        + ".",
        "",
        f"{size.images:,} images of Fashion-MNIST, {size.before} epochs and {ROUNDS} rounds of one epoch, mean ± "
        f"standard deviation over seeds {', '.join(map(str, size.seeds))}, on the 10,000 test images. Measured as in "
        "`benchmarks/mining/__main__.py`; every training: `runs.csv`. False: share of the mined negatives with their "
        "anchor's own class, in the first and the last round, there of the most and the least similar one.",
        "",
        "| arm | tau | " + " | ".join(FIGURES.values()) + " | false, first | false, last | its ends | mining, CPU s |",
        "|" + " --- |" * (len(FIGURES) + 6),
    ]
    for row in found:
        cells = [f"{100 * fmean(row[f]):.2f} ± {100 * spread(row[f]):.2f}" for f in FIGURES]
        if row["false"]:
            first, last = row["false"][1], row["false"][ROUNDS]
            false = [
                f"{100 * fmean(first):.0f}",
                f"{100 * fmean(last):.0f}",
                f"{100 * last[0]:.0f} to {100 * last[-1]:.0f}",
            ]
        else:
            false = ["", "", ""]
        seconds = "" if row["arm"] in UNMINED else f"{row['mining_seconds']:.1f}"
        lines.append("| " + " | ".join([row["arm"], f"{row['tau']:g}", *cells, *false, seconds]) + " |")
    return "\n".join(lines) + "\n"


def draw(found: list[dict], path: Path) -> None:
    """Gains over no mining, as wide as the spread over seeds of the arm; the band is that of no mining."""
    plain, shown = found[0], ("linear", "linear_1pct", "knn20")
    mpl.rcParams["svg.hashsalt"] = path.stem  # equal gains, equal bytes
    figure = Figure(figsize=(8, 0.3 * len(found) + 1.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
        gains = [100 * gain(row, plain, name) for row in found]
        axes.errorbar(gains, range(len(found)), xerr=[100 * spread(row[name]) for row in found], fmt="o", capsize=2)
        axes.axvspan(*(100 * spread(plain[name]) * side for side in (-1, 1)), alpha=0.15)
        axes.set(title=FIGURES[name], xlabel="points over plain", yticks=range(len(found)))
        axes.set_yticklabels([row["arm"] for row in found])
        axes.grid(axis="x", linewidth=0.5)
    axes.invert_yaxis()
    with atomic(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        encode(with_changes({"data.limit": size.images}), fetched=Path("results/fetch"), out=Path(folder) / "data")
        runs = Runs(None if quick else HERE / "runs.csv", size, Path(folder))
        found = [compare(arm, runs) for arm in size.arms]
    text = table(found, size)
    if not quick:
        with atomic(HERE / "table.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
        draw(found, HERE / "gains.svg")
    say(text)
    plain = found[0]
    summary = {
        row["arm"]: {figure: round(gain(row, plain, figure), 4) for figure in FIGURES}
        | {"better": [figure for figure in FIGURES if beats(row, plain, figure)]}
        for row in found[1:]
    }
    print(json.dumps({"gains": summary, "seeds": len(size.seeds), "quick": quick}))


if __name__ == "__main__":
    main()
