import numpy as np
import pytest
import torch

from contraflow.encoded.card import Amount, Card, EncodedData
from contraflow.encoded.kin import GROUP
from contraflow.evaluation import chance
from contraflow.evaluation.accuracy import Labelled, measure
from contraflow.foundations.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture
def data_of(tmp_path):
    """`data_of(images, held_out)`: so many training images of three classes, the first of them held out."""

    def make(images, held_out):
        np.save(tmp_path / "validation.npy", np.arange(held_out))
        np.save(tmp_path / "positions.npy", np.arange(images) % 7 * GROUP)
        np.save(tmp_path / "roles.npy", np.full(images, ""))
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
    counts = np.array([(test.labels == own).sum() - 1 for own in test.labels])
    assert found.chance == chance.of_first(counts, 59, [1, 3]) | chance.of_all(counts, 59)
    assert list(found.chance) == list(found.scores)[-5:]
    alone = Labelled(features[:3], np.arange(3))
    with pytest.raises(UserError, match=r"eval\.retrieval must be \[\] here: no two test images of tiny"):
        measure(data_of(90, 30), train, alone, asked, CPU)


def test_retrieval_by_group_among_a_gallery(settings, data_of, tmp_path):
    """Against loops: queries search the gallery alone, held-out images each other; labels do not matter."""
    random = np.random.default_rng(0)
    labels, groups = random.integers(0, 3, 150), random.integers(0, 7, 60)
    features = random.normal(size=(150, 3)).astype(np.float32)
    train, test = Labelled(features[:90], labels[:90]), Labelled(features[90:], labels[90:])
    roles = np.where(np.arange(60) % 3 > 0, "gallery", "query")
    asked = settings.model_copy(update={"retrieval": [1, 3], "retrieval_by": "group"})

    def measured(groups):
        data = data_of(90, 30)
        np.save(tmp_path / "groups.npy", groups)
        np.save(tmp_path / "roles.npy", roles)
        return measure(data, train, test, asked, CPU)

    found = measured(groups)
    held_out = np.arange(30)
    of_held_out = (train.features[:30], held_out % 7, held_out, held_out)  # as `data_of` groups training images
    of_test = (test.features, groups, np.flatnonzero(roles == "query"), np.flatnonzero(roles == "gallery"))
    for (vectors, kinds, queries, gallery), figures in ((of_test, found.test), (of_held_out, found.validation)):
        unit = vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
        for k in (1, 3):
            hits = []
            for query in queries:
                others = sorted(set(gallery.tolist()) - {query}, key=lambda i: -unit[query] @ unit[i])
                hits.append(any(kinds[i] == kinds[query] for i in others[:k]))
            assert figures[f"recall@{k}"] == pytest.approx(np.mean(hits))
    assert found.searched == 40 and len(found.scores["map@r"]) == 20
    with pytest.raises(UserError, match=r"tiny: no gallery image has the group of the query test image 3$"):
        measured(np.where(np.arange(60) == 3, 9, groups))
    with pytest.raises(UserError, match=r"eval\.retrieval_by group needs a column group in data\.table, with two"):
        measured(np.zeros(60, np.int64))
