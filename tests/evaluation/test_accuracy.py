import numpy as np
import pytest
import torch

from contraflow.encoded.card import Amount, Card, EncodedData
from contraflow.evaluation.accuracy import Labelled, measure
from contraflow.foundations.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture
def data_of(tmp_path):
    """`data_of(images, held_out)`: so many training images of three classes, the first of them held out."""

    def make(images, held_out):
        np.save(tmp_path / "validation.npy", np.arange(held_out))
        amount = Amount(images=images, per_class=[1, 1, 1])
        card = Card.model_construct(name="tiny", classes=["a", "b", "c"], train=amount, test=amount)
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
    assert np.array_equal(found.probed.predicted, expected.probed.predicted)


def test_every_accuracy_is_the_mean_of_what_it_says_of_each_image(settings, data_of):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 150)
    features = (np.eye(3)[labels] * 2 + random.normal(size=(150, 3))).astype(np.float32)
    train, test = Labelled(features[:90], labels[:90]), Labelled(features[90:], labels[90:])
    found = measure(data_of(90, 30), train, test, settings, CPU)
    assert list(found.test) == list(found.validation) == ["linear", "linear_10pct", "linear_4each", "knn5"]
    assert np.array_equal(found.scores["linear"], found.probed.predicted == test.labels)
    assert set(found.scores["linear_4each"]) <= {0, 0.5, 1}
    assert found.test == {name: np.mean(scores) for name, scores in found.scores.items()}
    assert found.probed.few["linear_4each"].images == 12
    assert np.array_equal(found.probed.confidence, found.probed.probe.probabilities(test.features).max(1))


def test_retrieval_is_among_the_test_images_and_among_the_held_out(settings, data_of):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 150)
    features = (np.eye(3)[labels] + random.normal(size=(150, 3))).astype(np.float32)
    train, test = Labelled(features[:90], labels[:90]), Labelled(features[90:], labels[90:])
    asked = settings.model_copy(update={"retrieval": [1, 3]})
    found = measure(data_of(90, 30), train, test, asked, CPU)
    assert list(found.test) == asked.figures(unseen=False)
    for images, figures in ((test, found.test), (train[np.arange(30)], found.validation)):
        unit = images.features / np.linalg.norm(images.features, axis=1, keepdims=True)
        similarity = unit.astype(float) @ unit.T.astype(float)
        np.fill_diagonal(similarity, -2)
        right = images.labels[np.argsort(-similarity, axis=1)] == images.labels[:, None]
        assert figures["recall@1"] == pytest.approx(right[:, :1].any(1).mean())
        assert figures["recall@3"] == pytest.approx(right[:, :3].any(1).mean())
        share = [row[: (images.labels == own).sum() - 1].mean() for row, own in zip(right, images.labels, strict=True)]
        assert figures["r_precision"] == pytest.approx(np.mean(share))
    alone = Labelled(features[:3], np.arange(3))
    with pytest.raises(UserError, match=r"eval\.retrieval must be \[\] here: no two test images of tiny"):
        measure(data_of(90, 30), train, alone, asked, CPU)
