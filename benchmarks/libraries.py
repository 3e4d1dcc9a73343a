"""Our search and our linear probe beside the libraries that could take their place.

    python -m benchmarks.libraries            some minutes on two cores
    python -m benchmarks.libraries --quick    2,000 training and 500 test images, about a minute

On the features of an encoder that is trained as shipped, before mining. Search: the 200 nearest of all training images
to each test image, beside `faiss.knn`, with all threads and with one: the least of three times, and in how many rows
similarities change with the threads. Probe: the sweep over the shipped weight decays beside scikit-learn's
`LogisticRegression`, each started from the last, and the objective that each came to. Run it on a machine that does
nothing else. Last line: ratios of the libraries' times to ours.
"""

import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from benchmarks.command import arguments, tell
from benchmarks.parameters import with_changes
from benchmarks.pictures import FASHION_MNIST, TINY, Pictures
from benchmarks.steps import encode_into, pretrain_into
from contraflow.devices import cores
from contraflow.encoded.card import EncodedData
from contraflow.evaluation.probe import Problem
from contraflow.evaluation.settings import Linear
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed
from contraflow.neighbours.bank import Bank, unit
from contraflow.neighbours.knn import Labelled
from contraflow.views.loader import ImageLoader

K, TIMES = 200, 3
SOLVERS = {"lbfgs float32": ("lbfgs", np.float32), "newton-cg float64": ("newton-cg", np.float64)}


@dataclass(frozen=True)
class Size:
    """Which images are searched, the first of each part, and how much is trained first; None: all, and as shipped."""

    pictures: Pictures
    train: int | None = None
    test: int | None = None
    epochs: int | None = None


SIZES = {
    "full": Size(FASHION_MNIST),
    "quick": Size(FASHION_MNIST, train=2_000, test=500, epochs=1),
    "tiny": Size(TINY, epochs=1),
}


def features(size: Size, folder: Path) -> tuple[Labelled, Labelled]:
    """Of the images of both parts, as a trained encoder has them."""
    changes = {"data.limit": size.train, "train.knn_every": 0}
    if size.epochs is not None:
        changes["train.epochs"] = size.epochs
    params = with_changes(size.pictures.written(folder / "pictures") | changes)
    card = encode_into(folder, params)
    pretrain_into(folder, params, seed=0, data=card)
    encoded, (network, _) = EncodedData.open(card), load_encoder(folder / "encoder.safetensors")
    loaders = (
        ImageLoader(file, batch_size=500, threads=cores(), indices=most and np.arange(most), **encoded.card.loading)
        for file, most in ((encoded.train_beton, None), (encoded.test_beton, size.test))
    )
    return tuple(Labelled(*embed(network, loader, torch.device("cpu"))) for loader in loaders)


def timed(work: Callable[[], Any], times: int = TIMES) -> tuple[float, Any]:
    """The least of several times in seconds, and what came out."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - began)
    return min(seconds), found


def search(train: Labelled, test: Labelled) -> dict[str, float]:
    """Ratio of the times, and shares of rows that are others with one thread, ours and those of faiss."""
    bank, queries = unit(train.features), unit(test.features)
    k, found = min(K, len(bank)), {}
    for name, work, threads_of in (
        ("ours", lambda: Bank(bank).nearest(queries, k), torch.set_num_threads),
        ("faiss", lambda: faiss.knn(queries, bank, k, faiss.METRIC_INNER_PRODUCT), faiss.omp_set_num_threads),
    ):
        threads_of(1)
        _, (one, _) = timed(work, 1)
        threads_of(cores())
        seconds, (all_threads, _) = timed(work)
        found[name] = seconds, float((one != all_threads).any(axis=1).mean())
    return {
        "faiss_ratio_to_search": round(found["faiss"][0] / found["ours"][0], 2),
        "search_rows_changed_by_threads": found["ours"][1],
        "faiss_rows_changed_by_threads": round(found["faiss"][1], 3),
    }


def probe(train: Labelled) -> dict[str, Any]:
    """Ratios of the times of the sweep, and the objectives by weight decay, the strongest first."""
    decays = sorted(Linear().weight_decay, reverse=True)

    def ours() -> list[float]:
        problem, start, objectives = Problem(train.features, train.labels), None, []
        for decay in decays:
            start = problem.solve(decay, max_iterations=Linear().max_iterations, start=start)
            objectives.append(start.objective)
        return objectives

    standard = (train.features - train.features.mean(0)) / np.maximum(train.features.std(0), 1e-12)

    def theirs(solver: str, kind: type) -> list[float]:
        x, objectives = standard.astype(kind), []
        model = LogisticRegression(solver=solver, tol=1e-4, max_iter=1000, warm_start=True)
        for decay in decays:
            model.C = 1 / (decay * len(x))
            model.fit(x, train.labels)
            log_p = model.predict_log_proba(x)[np.arange(len(x)), np.searchsorted(model.classes_, train.labels)]
            objectives.append(float(-log_p.mean() + decay / 2 * np.square(model.coef_).sum()))
        return objectives

    seconds, objectives = timed(ours, 1)
    found = {"probe_objectives": objectives}
    for name, of in SOLVERS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            other, found[f"{name} objectives"] = timed(lambda of=of: theirs(*of), 1)
        found[f"{name} ratio to probe"] = round(other / seconds, 2)
    return found


def main() -> None:
    size = arguments(__doc__).parse_args().size
    with tempfile.TemporaryDirectory() as folder:
        train, test = features(SIZES[size], Path(folder))
    tell(search(train, test) | probe(train), size)


if __name__ == "__main__":
    main()
