"""A step waits for no library that it does not use: seconds, in every job. `contraflow report` is in tests/report."""

import numpy as np
import pytest
import yaml

from contraflow.encoded.names import CARD
from contraflow.foundations.arrays import save_arrays
from contraflow.foundations.record import Provenance
from contraflow.images.sources import DEBIAN_FASHION_MNIST
from contraflow.mining.mining_pass import MiningPass

HEAVY = {"torch", "torchvision", "timm", "ffcv", "numba", "sklearn", "scipy", "matplotlib", "faiss"}


@pytest.fixture
def params(tmp_path, params_of, image_folder):
    """A parameter file over a folder of images."""
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params_of(data={"path": str(image_folder(tmp_path / "images"))}).model_dump()))
    return path


@pytest.fixture
def table(tmp_path, encoded):
    """A table of mined negatives."""
    path, anchor = tmp_path / "negatives.npz", encoded.training
    inputs = {"data": encoded.digest}
    made_from = MiningPass(step="mine", seed=0, round=1, inputs=inputs, search="exact", recall=1.0)
    negative = np.roll(anchor, 1)[:, None]
    similarity, suspected = np.ones(negative.shape, np.float32), np.zeros(len(anchor), np.int32)
    of_pass = {"similarity": similarity, "positive": similarity[:, 0], "known": suspected, "suspected": suspected}
    save_arrays(path, made_from, anchor=anchor, negative=negative, **of_pass)
    return path


def test_fetch_of_a_folder(tmp_path, params, imported_by):
    assert not imported_by("fetch", "--params", params, "--source", tmp_path / "fetch/source.json") & HEAVY


@pytest.mark.skipif(not DEBIAN_FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_fetch_of_files_that_are_at_hand(tmp_path, params, imported_by):
    params.write_text(params.read_text().replace("name: folder", "name: fashion_mnist"))
    assert not imported_by("fetch", "--params", params, "--source", tmp_path / "fetch/source.json") & HEAVY


def test_summarise_mining(tmp_path, table, imported_by):
    out = tmp_path / "summary.csv"
    assert not imported_by("summarise-mining", "--negatives", table, "--summary", out) & HEAVY
    assert len(out.read_text().splitlines()) == 2


def test_summarise(tmp_path, params, encoded, table, evaluation_of, imported_by):
    figures = {"test": {"linear": 0.5}, "validation": {"linear": 0.5}, "intervals": {"linear": [0.4, 0.6]}}
    figures |= {"confusion": [[1, 1], [0, 2]], "alignment": 0.1, "uniformity": -1.0}
    calibration, evaluations = {"ece": 0.1, "bins": []}, tmp_path / "encoder-seed0.json"
    made_from = Provenance(step="evaluate", inputs={"data": encoded.digest})
    evaluation_of(**figures, calibration=calibration, provenance=made_from).write(evaluations)
    (tmp_path / "history.csv").write_text("seed,round,epoch,loss\n0,0,0,1.5\n")
    features = np.random.default_rng(0).normal(size=(encoded.card.test.images, 8)).astype(np.float32)
    save_arrays(tmp_path / "features.npz", made_from, features=features)
    imported = imported_by(
        *("summarise", "--params", params, "--data", encoded.folder / CARD, "--evaluations", evaluations),
        *("--histories", tmp_path / "history.csv", "--negatives", table, "--metrics", tmp_path / "metrics.json"),
        *("--curves", tmp_path / "curves.csv", "--confusion", tmp_path / "confusion.csv"),
        *("--features", tmp_path / "features.npz", "--projection", tmp_path / "projection.npz"),
    )
    assert not imported & (HEAVY - {"sklearn", "scipy"})  # which project into a plane
    assert len((tmp_path / "confusion.csv").read_text().splitlines()) == 5
