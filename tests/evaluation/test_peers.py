"""k-NN names exactly the classes that lightly names on the same features, with the protocol that is public.

`pip install --no-deps lightly` and `pytest -m peers`; without it the tests are skipped.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from contraflow.encoded.pixels import read_images
from contraflow.neighbours.knn import Labelled, knn_accuracies, knn_predictions
from contraflow.neighbours.settings import Knn

pytestmark = pytest.mark.peers
CPU = torch.device("cpu")
PROTOCOL = pytest.mark.parametrize(("k", "tau"), [(200, 0.1), (20, 0.07)])


@pytest.fixture(scope="module")
def knn_predict():
    """Lightly's, from its file: the package around it imports what this needs not."""
    lightly = importlib.util.find_spec("lightly")
    if lightly is None:
        pytest.skip("lightly is not installed")
    file = Path(lightly.origin).parent / "utils/benchmarking/knn.py"
    spec = importlib.util.spec_from_file_location("lightly_knn", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.knn_predict


def of_lightly(predict, queries, bank, classes, k, tau):
    features, stored = (normalize(torch.from_numpy(x), dim=1) for x in (queries.features, bank.features))
    return predict(features, stored.T, torch.from_numpy(bank.labels), classes, knn_k=k, knn_t=tau)[:, 0].numpy()


def agree(knn_predict, queries, bank, classes, k, tau):
    settings = [Knn(k=k, tau=tau)]
    theirs = of_lightly(knn_predict, queries, bank, classes, k, tau)
    ours = knn_predictions(queries.features, bank, settings, classes=classes, device=CPU)[f"knn{k}"]
    assert np.array_equal(ours, theirs)
    accuracy = knn_accuracies(queries, bank, settings, classes=classes, device=CPU)[f"knn{k}"]
    assert accuracy == (theirs == queries.labels).mean() and 1.2 / classes < accuracy < 1


@PROTOCOL
def test_on_fabricated_features(knn_predict, k, tau):
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 6000)
    features = (random.normal(size=(10, 32))[labels] + 2 * random.normal(size=(6000, 32))).astype(np.float32)
    every = Labelled(features, labels)
    agree(knn_predict, every[np.arange(1000)], every[np.arange(1000, 6000)], 10, k, tau)


@PROTOCOL
def test_on_the_pixels_of_fashion_mnist(knn_predict, fashion_mnist, k, tau):
    def pixels(file, split, count):
        images = read_images(file, np.arange(count), fashion_mnist.card.image_size)
        return Labelled(images.reshape(count, -1).astype(np.float32) / 255 - 0.5, fashion_mnist.labels(split)[:count])

    train, test = pixels(fashion_mnist.train_beton, "train", 2000), pixels(fashion_mnist.test_beton, "test", 1000)
    agree(knn_predict, test, train, 10, k, tau)
