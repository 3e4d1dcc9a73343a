import numpy as np
import pytest
import torch

from contraflow.encoded.card import Amount, Card, EncodedData
from contraflow.evaluation.accuracy import Labelled, measure

CPU = torch.device("cpu")


@pytest.fixture
def data_of(tmp_path):
    """`data_of(images, held_out)`: so many training images of three classes, the first of them held out."""

    def make(images, held_out):
        np.save(tmp_path / "validation.npy", np.arange(held_out))
        card = Card.model_construct(classes=["a", "b", "c"], train=Amount(images=images))
        return EncodedData(tmp_path, card, digest="")

    return make


@pytest.fixture
def settings(params_of):
    linear = {"weight_decay": [1e-2, 1e-4], "max_iterations": 50}
    few = {"few_labels": [0.1, 4], "few_draws": 2}
    return params_of(eval={"batch_size": 9, "knn": [{"k": 5, "tau": 0.1}], "linear": linear, **few}).eval


def test_images_without_labels_change_nothing(settings, data_of):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 90)
    features = (np.eye(3)[labels] * 2 + random.normal(size=(90, 3))).astype(np.float32)
    train, test = Labelled(features[:60], labels[:60]), Labelled(features[60:], labels[60:])
    expected = measure(data_of(60, 10), train, test, settings, CPU)
    bare = Labelled(random.normal(size=(40, 3)).astype(np.float32), np.full(40, -1))
    both = Labelled(np.concatenate([train.features, bare.features]), np.concatenate([train.labels, bare.labels]))
    found = measure(data_of(100, 10), both, test, settings, CPU)
    assert (found.test, found.validation) == (expected.test, expected.validation)
    assert np.array_equal(found.predicted, expected.predicted)


def test_every_accuracy_is_the_mean_of_what_it_says_of_each_image(settings, data_of):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 150)
    features = (np.eye(3)[labels] * 2 + random.normal(size=(150, 3))).astype(np.float32)
    train, test = Labelled(features[:90], labels[:90]), Labelled(features[90:], labels[90:])
    found = measure(data_of(90, 30), train, test, settings, CPU)
    assert list(found.test) == list(found.validation) == ["linear", "linear_10pct", "linear_4each", "knn5"]
    assert np.array_equal(found.correct["linear"], found.predicted == test.labels)
    assert set(found.correct["linear_4each"]) <= {0, 0.5, 1}
    assert found.test == {name: np.mean(correct) for name, correct in found.correct.items()}
    assert found.few["linear_4each"].images == 12
    assert np.array_equal(found.confidence, found.probe.probabilities(test.features).max(1))
