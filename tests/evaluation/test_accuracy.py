import numpy as np
import torch

from contraflow.config import Eval
from contraflow.evaluation.accuracy import Labelled, measure

SETTINGS = Eval.model_validate(
    {"batch_size": 9, "knn": [{"k": 5, "tau": 0.1}], "linear": {"weight_decay": [1e-2, 1e-4], "max_iterations": 50}}
)


def test_images_without_labels_change_nothing():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 90)
    features = (np.eye(3)[labels] * 2 + random.normal(size=(90, 3))).astype(np.float32)
    train, test = Labelled(features[:60], labels[:60]), Labelled(features[60:], labels[60:])
    split = {"classes": 3, "settings": SETTINGS, "device": torch.device("cpu")}
    expected = measure(train, np.arange(10, 60), np.arange(10), test, **split)
    bare = Labelled(random.normal(size=(40, 3)).astype(np.float32), np.full(40, -1))
    both = Labelled(np.concatenate([train.features, bare.features]), np.concatenate([train.labels, bare.labels]))
    found = measure(both, np.arange(10, 100), np.arange(10), test, **split)
    assert (found.test, found.validation) == (expected.test, expected.validation)
    assert np.array_equal(found.predicted, expected.predicted)
