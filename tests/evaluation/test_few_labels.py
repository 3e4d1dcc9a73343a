from pathlib import Path

import numpy as np
import pytest

from contraflow.evaluation.few_labels import few_label_probes
from contraflow.evaluation.probe import Problem
from contraflow.neighbours.knn import Labelled
from contraflow.params import load_params

PARAMS = Path(__file__).parents[2] / "params.yaml"
DECAYS = [1e-1, 1e-3]


def settings(*amounts, draws=2):
    shipped = load_params(PARAMS).eval
    linear = shipped.linear.model_copy(update={"weight_decay": DECAYS, "max_iterations": 200})
    return shipped.model_copy(update={"linear": linear, "few_labels": list(amounts), "few_draws": draws})


@pytest.fixture(scope="module")
def data():
    """Training images, of which the first 100 are held out, and test images: four classes, seven features."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 900)
    features = (np.eye(4, 7)[labels] * 3 + random.normal(size=(900, 7))) * np.geomspace(0.01, 100, 7) + 5
    every = Labelled(features.astype(np.float32), labels)
    return every[np.arange(600)], every[np.arange(600, 900)]


def probes(data, amounts, training=None):
    train, test = data
    training = np.arange(100, 600) if training is None else training
    like = Problem(train[training].features, train[training].labels)
    return few_label_probes(train, training, train[np.arange(100)], test, settings=amounts, like=like)


def test_equals_the_probe_on_the_drawn_images_alone(data):
    """Found again from the draws that the documentation promises: one Philox generator a draw, class by class."""
    train, test = data
    training = np.arange(100, 600)
    found = probes(data, settings(5))["linear_5each"]
    hits, chosen = [], []
    mean, scale = train.features[training].mean(0), train.features[training].std(0)
    standard = [Labelled((part.features - mean) / scale, part.labels) for part in (train, test)]
    for draw in range(2):
        random = np.random.Generator(np.random.Philox(key=draw))
        few = np.concatenate([random.permutation(training[train.labels[training] == c])[:5] for c in range(4)])
        best = (-1.0, 0.0)
        for decay in DECAYS:
            # like-scaled: standardised features whose own statistics must not be taken again
            problem = Problem(standard[0].features[few], train.labels[few], like=_identity(7))
            probe = problem.solve(decay, max_iterations=200)
            accuracy = probe.accuracy(standard[0].features[:100], train.labels[:100])
            if (accuracy, decay) > best:
                best, correct = (accuracy, decay), probe.predict(standard[1].features) == test.labels
        hits.append(correct)
        chosen.append(best[1])
    assert found.images == 20 and found.weight_decays == chosen and found.converged
    assert np.abs(found.correct - np.mean(hits, axis=0)).mean() < 0.01


def _identity(dimension):
    """A problem that standardises by nothing: features of mean 0 and deviation 1 along each axis."""
    features = np.concatenate([np.eye(dimension), -np.eye(dimension)]).astype(np.float32) * np.sqrt(dimension)
    return Problem(features, np.arange(2 * dimension) % 2)


def test_shares_and_numbers_are_of_each_class(data):
    found = probes(data, settings(0.1, 3))
    train, _ = data
    counts = np.bincount(train.labels[100:600])
    assert found["linear_10pct"].images == np.ceil(counts / 10).sum() and found["linear_3each"].images == 12


def test_more_labels_than_there_are_means_all(data):
    train, test = data
    training = np.arange(100, 600)
    found = probes(data, settings(1000, draws=1))["linear_1000each"]
    like = Problem(train[training].features, train[training].labels)
    best = max(
        (like.solve(decay, max_iterations=200) for decay in DECAYS),
        key=lambda probe: (probe.accuracy(train.features[:100], train.labels[:100]), probe.weight_decay),
    )
    assert found.correct.mean() == pytest.approx(best.accuracy(test.features, test.labels), abs=0.007)


def test_images_without_labels_are_not_drawn(data):
    train, test = data
    hidden = Labelled(train.features, np.where(np.arange(600) % 2, train.labels, -1))
    found = probes((hidden, test), settings(1000, draws=1), np.flatnonzero(hidden.labels >= 0)[50:])
    assert found["linear_1000each"].images == 250


def test_more_labels_help(data):
    found = probes(data, settings(1, 50))
    assert found["linear_50each"].correct.mean() > found["linear_1each"].correct.mean()
