"""Fabricated runs: small files of every kind that a report is made from."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from contraflow.arrays import save_arrays
from contraflow.artefacts import read_json, sha256, write_json
from contraflow.config import parse_params
from contraflow.data.card import Card, EncodedData, spot_digest
from contraflow.data.images import Split
from contraflow.data.writer import write_beton
from contraflow.evaluation.extras import summarise_extras
from contraflow.report.compare.experiment import Experiment, Stage
from contraflow.steps.baseline import read_results
from contraflow.steps.pinned import write_pinned
from contraflow.steps.report import read_run, report

PARAMS = Path(__file__).parents[2] / "params.yaml"
PLAIN = ["Coat", "Bag", "Dress"]
ON = {
    "supervised": True,
    "corruptions": True,
    "transfer": {"name": "mnist", "path": "data"},
    "fine_tune": {"share": 0.1, "epochs": 3, "lr": 0.02},
}
K = 3
CODE = "c0de" * 16


@pytest.fixture(scope="session")
def fabricate() -> Callable[..., dict]:
    """Write the files of a run into a folder; returns the arguments of the step, but for `out`."""
    return _fabricate


@pytest.fixture(scope="session")
def run_of(fabricate, tmp_path_factory):
    """A run, read from fabricated files."""

    def read(**settings):
        return read_run(**fabricate(tmp_path_factory.mktemp("run"), **settings))

    return read


@pytest.fixture(scope="session")
def page_of(fabricate, tmp_path_factory):
    """The path of a page made from fabricated files; equal settings are made once."""
    made: dict[str, Path] = {}

    def page(**settings) -> Path:
        key = json.dumps(settings)
        if key not in made:
            folder = tmp_path_factory.mktemp("page")
            report(**fabricate(folder, **settings), out=folder / "report.html")
            made[key] = folder / "report.html"
        return made[key]

    return page


def _fabricate(
    folder: Path,
    *,
    classes: list[str] = PLAIN,
    each: int = 20,
    seeds: list[int] = [3, 5],  # noqa: B006
    rounds: int = 2,
    channels: int = 1,
    size: int = 12,
    title: str = "a trial",
    linear: float | None = 0.9,
    skipped: list[str] = [],  # noqa: B006
    leaks: int = 0,
    local_views: int = 0,
    points: int = 60,
    measured: list[str] = [],  # noqa: B006
    baseline: str | None = None,
) -> dict:
    """No `classes` makes an unlabelled run. `linear` is the encoder's accuracy; None stands for a failed run.

    `measured` are the optional parts of `eval`, `baseline` the name of the run that is pinned.
    """
    rng = np.random.default_rng(1)
    data = _data(folder / "encode", rng, classes, each, channels, size, skipped, leaks)
    provenance = {"step": "evaluate", "code": CODE, "inputs": {"data": data.digest}}
    evaluations = []
    for seed in seeds:
        evaluations += _encoder(folder / "evaluate", rng, data, provenance, seed, linear)
        evaluations.append(_baseline(folder / "evaluate", provenance, "untrained", seed, classes, 0.5))
    for name in ("pca_pixels", "raw_pixels"):
        evaluations.append(_baseline(folder / "evaluate", provenance, name, None, classes, 0.7))
    metrics = _metrics(classes, seeds, rounds, linear)
    if "supervised" in measured:
        for seed in seeds:
            evaluations.append(_baseline(folder / "evaluate", provenance, "supervised", seed, classes, 0.95))
        metrics["supervised"] = metrics["validation"]["supervised"] = metrics["encoder"]
    extras = _extras(folder / "evaluate", provenance, seeds, measured)
    metrics |= summarise_extras(map(read_json, extras))
    write_json(folder / "metrics.json", metrics)
    params = _params(seeds, rounds, title, local_views, points, measured)
    return {
        "params": params,
        "data": folder / "encode",
        "metrics": folder / "metrics.json",
        "evaluations": evaluations,
        "extras": extras,
        "curves": _curves(folder / "evaluate" / "curves.csv", seeds, rounds),
        "negatives": [
            _negatives(folder / "mine" / f"seed{seed}" / f"round{number}" / "negatives.npz", rng, data, seed, number)
            for seed in seeds
            for number in range(1, rounds + 1)
        ],
        "rounds": [_by_round(folder / "evaluate", data, seed, rounds) for seed in seeds] if rounds else [],
        "baseline": _baseline_run(folder, params, baseline),
    }


def _baseline_run(folder, params, name) -> Path:
    """The run itself, with a probe that is worse by one point in each seed and another path, or none."""
    path = folder / "baseline.json"
    if name is None:
        write_json(path, {})
        return path
    evaluations = [folder / "evaluate" / f"encoder-seed{seed}.json" for seed in params.seeds]
    pinned = read_results(params, name, data=folder / "encode", evaluations=evaluations)
    for figures in pinned.evaluations:
        figures.test |= {key: value - 0.01 - figures.seed / 10_000 for key, value in figures.test.items()}
    write_pinned(path, pinned.model_copy(update={"params": pinned.params | {"data.path": name}}))
    return path


def _params(seeds, rounds, title, local_views, points, measured):
    content = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    content["augment"]["local_views"] = local_views
    content["seeds"] = seeds
    content["mining"]["rounds"] = rounds
    content["report"] = {"title": title, "tsne_points": points, "gallery_anchors": 3}
    content["eval"] |= {"knn": [{"k": 200, "tau": 0.1}, {"k": 20, "tau": 0.07}], "few_labels": [0.1]}
    content["eval"] |= {name: ON[name] for name in measured}
    return parse_params(content)


def _data(folder, rng, classes, each, channels, size, skipped, leaks) -> EncodedData:
    folder.mkdir(parents=True)
    counts = {}
    for split in ("train", "test"):
        n = each * max(1, len(classes))
        labels = np.arange(n) % len(classes) if classes else np.full(n, -1)
        pixels = rng.integers(0, 256, (n, size, size, channels), dtype=np.uint8)
        write_beton(folder / f"{split}.beton", Split(pixels, labels.astype(np.int64)), split)
        counts[split] = {"images": n, "per_class": [each] * len(classes)}
    np.save(folder / "validation.npy", np.arange(0, n, 10))
    np.save(folder / "positions.npy", np.arange(n))
    files = ("train.beton", "test.beton", "validation.npy", "positions.npy")
    card = Card(
        name="fabricated",
        classes=classes,
        image_size=size,
        channels=channels,
        mean=[0.5] * channels,
        std=[0.25] * channels,
        train=counts["train"],
        validation={"images": len(range(0, n, 10))},
        test=counts["test"],
        skipped=skipped,
        duplicates={"images": leaks, "listed": [["<b>copy</b>.png", "first.png"]][:leaks]},
        leaks={"images": leaks, "listed": [["<i>test</i>.png", "train.png"]][:leaks]},
        bytes={name: (folder / name).stat().st_size for name in files},
        digests={name: sha256(folder / name) for name in files},
        spots={name: spot_digest(folder / name) for name in files},
        provenance={"code": CODE},
    )
    card.write(folder)
    return EncodedData.open(folder)


def _scores(classes, linear, seed=0):
    if not classes:
        return {}
    return {"linear": linear and linear + seed / 1000, "linear_10pct": 0.72, "knn200": 0.75, "knn20": 0.65}


def _of_the_probe(classes):
    bins = [{"images": 10 * i, "confidence": (i + 0.5) / 15, "accuracy": (i + 0.2) / 15} for i in range(15)]
    return {
        "probe_sweep": [{"weight_decay": 1e-4, "validation_accuracy": 0.9, "converged": True}] if classes else [],
        "few_labels": {"linear_10pct": {"converged": True}} if classes else {},
        "calibration": {"ece": 0.02, "bins": bins} if classes else None,
    }


def _encoder(folder, rng, data, provenance, seed, linear) -> list[Path]:
    classes, n = data.card.classes, data.card.test["images"]
    labels = data.labels("test")
    centres = rng.normal(size=(max(1, len(classes)), 16)) * 3
    features = (centres[labels] + rng.normal(size=(n, 16))).astype(np.float32)
    predicted = np.where(rng.random(n) < 0.9, labels, rng.permutation(labels))
    confusion = np.zeros((len(classes), len(classes)), int)
    if classes:
        np.add.at(confusion, (labels, predicted), 1)
    if linear is None:
        features[0] = np.nan
    path = folder / f"encoder-seed{seed}.json"
    content = {
        "representation": "encoder",
        "seed": seed,
        "dimension": 16,
        "test": _scores(classes, linear, seed),
        "validation": _scores(classes, linear, seed),
        "per_class": [
            {"class": name, "precision": 0.5 + 0.4 * i / len(classes), "recall": 0.8, "f1": 0.7, "images": 20}
            for i, name in enumerate(classes)
        ],
        "confusion": confusion.tolist(),
        **_geometry(classes, 0.3 + seed / 100, -2.0, 90),
        **_of_the_probe(classes),
        "protocol": {"features": "of the last epoch", "test_images": n},
        "provenance": provenance,
    }
    write_json(path, content)
    save_arrays(path.with_suffix(".npz"), provenance, features=features, label=labels, predicted=predicted)
    return [path, path.with_suffix(".npz")]


def _baseline(folder, provenance, name, seed, classes, accuracy) -> Path:
    scores = {key: accuracy if key == "linear" else 0.7 for key in _scores(classes, accuracy)}
    path = folder / (f"{name}.json" if seed is None else f"{name}-seed{seed}.json")
    content = {"representation": name, "seed": seed, "dimension": 16, "test": scores, "validation": scores}
    content |= {"per_class": [], "confusion": [], "protocol": {"features": f"{name} as they are"}}
    content |= _geometry(classes, *((0.5, -1.0, 80) if name == "untrained" else (0.8, -0.5, 70)))
    write_json(path, content | _of_the_probe(classes) | {"provenance": provenance})
    return path


def _geometry(classes, alignment, uniformity, similar) -> dict:
    """Two views of an image are as similar as says bin `similar` of 100, views of different ones like bins 40 to 60."""

    def counts(**bins):
        return {name: [amount if i in of else 0 for i in range(100)] for name, (amount, of) in bins.items()}

    pairs = {"positive": (20, {similar}), "negative": (100, range(40, 60))}
    if classes:
        pairs |= {"same_class": (30, range(50, 60)), "other_class": (60, range(40, 55))}
    return {"alignment": alignment, "uniformity": uniformity, "similarities": counts(**pairs)}


def _extras(folder, provenance, seeds, measured) -> list[Path]:
    """The extra evaluations of a run, in the shapes that the steps give them."""
    knn = {"knn200": 0.7, "knn20": 0.6}
    by_severity = {str(severity): knn for severity in (1, 3, 5)}
    figures = {
        "corruptions": {"clean": {"0": knn}, "gaussian_noise": by_severity, "jpeg": by_severity},
        "transfer": {"linear": 0.8, "linear_10pct": 0.5, **knn},
        "fine_tune": {"accuracy": 0.85},
    }
    paths = []
    for kind in figures.keys() & set(measured):
        names = [(name, seed) for name in ("encoder", "untrained") for seed in seeds]
        for name, seed in names if kind == "fine_tune" else [*names, ("raw_pixels", None)]:
            paths.append(folder / kind / (f"{name}.json" if seed is None else f"{name}-seed{seed}.json"))
            content = {"kind": kind, "representation": name, "seed": seed, "figures": figures[kind]}
            content |= {"protocol": {kind: f"how {kind} <was> measured"}, "provenance": provenance}
            write_json(paths[-1], content)
    return sorted(paths)


def _metrics(classes, seeds, rounds, linear) -> dict:
    n = len(seeds)

    def over_seeds(value, spread=0.01):
        return {"mean": value, "std": spread if n > 1 else 0.0, "n": n}

    labelled = {
        "encoder": {key: over_seeds(value) for key, value in _scores(classes, linear).items()},
        "untrained": {key: over_seeds(0.5) for key in _scores(classes, 1.0)},
        **{
            name: {key: {"mean": 0.7, "std": 0.0, "n": 1} for key in _scores(classes, 1.0)}
            for name in ("pca_pixels", "raw_pixels")
        },
    }
    metrics = copy.deepcopy(labelled)
    for figures in metrics.values():
        for value in figures.values():
            value |= {"low": 0.612, "high": 0.934}
        if classes:
            figures["ece"] = over_seeds(0.02, 0.003)
    for name in ("encoder", "untrained"):
        metrics[name] |= {"alignment": over_seeds(0.3), "uniformity": over_seeds(-2.0)}
    if classes:
        metrics["validation"] = labelled
        if rounds:
            metrics["mining"] = {"same_class_share": over_seeds(0.123)}
            metrics["rounds"] = [
                {"round": number, "linear": over_seeds(0.8 + number / 100), "knn200": over_seeds(0.7)}
                | ({"same_class_share": over_seeds(0.123 + number / 10)} if number else {})
                for number in range(rounds + 1)
            ]
    return metrics


def _by_round(folder, data, seed, rounds) -> Path:
    """Nine of ten images of a class are found, and in each round one more of the first is taken for the second."""
    path, classes = folder / f"rounds-seed{seed}.json", len(data.card.classes)
    entries = [{"round": number} for number in range(rounds + 1)]
    for entry in entries if classes else ():
        confusion = np.diag(np.full(classes, 9)) + np.roll(np.eye(classes, dtype=int), 2, axis=1)
        confusion[0, :2] += (np.array([-1, 1]) * entry["round"])[:classes]
        entry["confusion"] = confusion.tolist()
    write_json(path, {"seed": seed, "rounds": entries, "provenance": {"inputs": {"data": data.digest}}})
    return path


def _curves(path, seeds, rounds) -> Path:
    rows = ["seed,round,epoch,loss,lr,uniformity,rank,collapse"]
    for seed in seeds:
        rows += [f"{seed},0,{epoch},{5 / epoch + seed / 50},0.1,{-epoch},{9 + epoch}," for epoch in (1, 2, 3)]
        rows += [f"{seed},{number},{3 + number},{2 - number / 4},0.01,-3,12," for number in range(1, rounds + 1)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def _negatives(path, rng, data, seed, number) -> Path:
    anchor = data.training
    negative = rng.choice(anchor, (len(anchor), K)).astype(np.int32)
    provenance = {
        "step": "mine",
        "code": CODE,
        "seed": seed,
        "round": number,
        "search": "exact",
        "recall": 1.0,
        "inputs": {"data": data.digest},
    }
    save_arrays(
        path,
        provenance,
        anchor=anchor,
        negative=negative,
        similarity=np.sort(rng.random((len(anchor), K)).astype(np.float32))[:, ::-1],
        rank=np.broadcast_to(np.arange(5, 5 + K, dtype=np.int32), (len(anchor), K)),
        suspected=np.full(len(anchor), 4, np.int32),
    )
    return path


@pytest.fixture(scope="session")
def experiment_of() -> Callable[..., Experiment]:
    """`experiment_of("colder", linear={0: 0.8, 1: 0.9})`: a run for the comparison, as the step would read it."""
    return _experiment


def _experiment(
    name: str,
    *,
    linear: dict[int, float | None] = {0: 0.8, 1: 0.82},  # noqa: B006
    validation: float = 0.0,
    params: dict = {},  # noqa: B006
    code: str = "1" * 32,
    test_images: str = "t" * 32,
    evaluated: str = "e" * 32,
    labelled: bool = True,
    loss: float = 1.0,
    collapse: str | None = None,
    epochs: int = 3,
) -> Experiment:
    """`linear` is the accuracy of the probe by seed; on the validation images it is higher by `validation`."""
    evaluations = {
        seed: {
            "test": {"linear": value, "linear_1pct": 0.5, "knn200": 0.6 + seed / 100, "knn20": 0.7} if labelled else {},
            "validation": {"linear": value if value is None else value + validation} if labelled else {},
            "alignment": 0.3 + seed / 1000,
            "uniformity": -2.0 - seed / 1000,
        }
        for seed, value in linear.items()
    }
    rows = [
        {"seed": seed, "round": 0, "epoch": epoch, "loss": loss / epoch + seed / 50, "knn": 0.5, "rank": 9.0 + epoch}
        | {"collapse": collapse if epoch == epochs else None}
        for seed in linear
        for epoch in range(1, epochs + 1)
    ]
    stages = {
        "pretrain": Stage({"src/contraflow/losses/ntxent.py": code}, {"images": "i" * 32}, {"results/pretrain": code}),
        "evaluate": Stage({}, {"results/pretrain": code}, {"results/evaluate": evaluated}),
    }
    common = {"loss.tau": 0.2, "seeds": list(linear), "eval.knn": [{"k": 20, "tau": 0.07}]}
    return Experiment(name, common | params, test_images, evaluations, stages, pd.DataFrame(rows))
