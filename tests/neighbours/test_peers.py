"""Retrieval gives the figures that pytorch-metric-learning's AccuracyCalculator gives on the same features.

`pip install --no-deps pytorch-metric-learning` and `pytest -m peers`; without it the tests are skipped. It is handed
features of length 1, of which its Euclidean distance has the order of the cosine.
"""

import numpy as np
import pytest
import torch

from contraflow.encoded.pixels import read_images
from contraflow.neighbours.bank import unit
from contraflow.neighbours.knn import Labelled
from contraflow.neighbours.retrieval import retrieval_scores

pytestmark = pytest.mark.peers
CPU = torch.device("cpu")
SAME = {
    "recall@1": "precision_at_1",
    "r_precision": "r_precision",
    "map@r": "mean_average_precision_at_r",
}


def agree(images, *, between):
    """Each figure to 1e-6, where rounding in float32 may swap two neighbours that are as similar, or nearly; and the
    first recall `between` two bounds: neither by chance nor without a mistake.
    """
    accuracy_calculator = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")
    calculator = accuracy_calculator.AccuracyCalculator(include=tuple(SAME.values()), device=CPU)
    features, labels = torch.from_numpy(unit(images.features)), torch.from_numpy(images.labels)
    theirs = calculator.get_accuracy(features, labels)
    ours = retrieval_scores(images, [1], device=CPU)
    means = {name: ours[name].mean() for name in SAME}
    assert means == pytest.approx({name: theirs[same] for name, same in SAME.items()}, abs=1e-6)
    low, high = between
    assert low < ours["recall@1"].mean() < high


@pytest.mark.parametrize(("classes", "images"), [(4, 300), (200, 1200), (700, 1000)])
def test_on_fabricated_features(classes, images):
    """Classes of unequal sizes; of the many, some have one image alone."""
    random = np.random.default_rng(classes)
    labels = np.minimum(random.geometric(3 / classes, images), classes) - 1
    features = random.normal(size=(classes, 16))[labels] + 0.8 * random.normal(size=(images, 16))
    sizes = np.unique(labels, return_counts=True)[1]
    assert (sizes.min() == 1) == (classes > 100) and sizes.max() > 2 * np.median(sizes)
    agree(Labelled(features.astype(np.float32), labels), between=(0.3, 0.999))


def test_on_the_pixels_of_fashion_mnist(fashion_mnist):
    images = read_images(fashion_mnist.test_beton, np.arange(1500), fashion_mnist.card.image_size)
    features = images.reshape(len(images), -1).astype(np.float32) / 255 - 0.5
    agree(Labelled(features, fashion_mnist.labels("test")[: len(images)]), between=(0.5, 0.95))
