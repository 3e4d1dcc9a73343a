"""Trainings made to collapse on purpose raise the alarm; that no healthy one does is in test_methods."""

import pytest

from contraflow.losses.prototypes import predict_others
from contraflow.losses.without_negatives import negative_cosine
from contraflow.methods.byol import BYOL
from contraflow.methods.dino import DINO
from contraflow.methods.parts.base import Method, Output
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.swav import SwAV
from contraflow.training.diagnosis import alignment
from contraflow.training.history import Epoch, collapse


class WithoutStopGradient(BYOL):
    """BYOL whose target is the online network itself, with gradients."""

    def learn(self, features, batch):
        z1, z2 = z = self.embed(features)
        p1, p2 = self.predictor(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        return Output(4 + 2 * (negative_cosine(p1, z2) + negative_cosine(p2, z1)), z)


class WithoutCentre(DINO):
    """DINO whose teacher is sharpened, but not centred: one output can win everywhere."""

    def learn(self, features, batch):
        output = super().learn(features, batch)
        self.centre.zero_()
        return output


class WithoutSharpening(DINO):
    """DINO whose teacher is centred, and flatter than the student: all outputs can be alike everywhere."""

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.loss = self.loss.model_copy(update={"teacher_tau": [1.0, 1.0]})


class WithoutEqualShares(SwAV):
    """SwAV whose images take the prototypes that they like best: one can win everywhere."""

    def learn(self, features, batch):
        scores = self.scores(features, batch)
        targets = (scores.detach() / self.epsilon).softmax(2)
        return Output(predict_others(targets, scores, self.loss.tau), targets)


class AlignmentOnly(Method):
    """Views are pulled together, and nothing holds images apart."""

    def learn(self, features, batch):
        z = self.embed(features)
        return Output(alignment(*z), z)


@pytest.fixture
def trained(params_of, fashion_mnist, history_of, tmp_path):
    """`trained("byol")`: the history of three epochs, in which a momentum encoder comes along."""

    def train(name):
        params = params_of(
            model={"projection_hidden": 64, "projection_dim": 32},
            method={"name": name, "momentum": [0.9, 0.99]},
            train={"epochs": 3, "batch_size": 128, "lr": 0.2},
        )
        return history_of(params, fashion_mnist, tmp_path)

    return train


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("byol", WithoutStopGradient),
        ("byol", AlignmentOnly),
        ("swav", WithoutEqualShares),
        ("dino", WithoutCentre),
        ("dino", WithoutSharpening),
    ],
)
def test_a_collapse_is_detected_within_the_run(monkeypatch, capfd, trained, name, method):
    monkeypatch.setitem(METHODS, name, method)
    history = trained(name)
    assert isinstance(history.collapse.iloc[-1], str) and history.spread.iloc[-1] < 0.25
    assert f"COLLAPSED: {history.collapse.iloc[-1]}" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["byol", "swav", "dino"])
def test_with_what_prevents_it_the_same_training_does_not_collapse(trained, name):
    history = trained(name)
    assert history.collapse.isna().all() and history.spread.min() > 0.4


def epochs(spreads, ranks, knn=(0.3, 0.3, 0.3)):
    fixed = {"lr": 0.1, "alignment": 0.0, "uniformity": 0.0, "positive": 1.0, "hardest": 1.0, "gradient_norm": 1.0}
    rows = enumerate(zip(spreads, ranks, knn, strict=True))
    return [Epoch(epoch=i + 1, loss=3 - i, rank=r, spread=s, knn=share, **fixed) for i, (s, r, share) in rows]


def test_a_collapse_in_the_first_epoch_is_seen_although_it_was_never_better():
    history = epochs((0.020, 0.021, 0.022), (1.5, 1.5, 1.5))
    for last in (1, 2, 3):
        assert "that of a single point" in collapse(history[:last])


def test_an_encoder_that_learns_has_not_collapsed():
    assert collapse(epochs((0.02, 0.02, 0.02), (1.5, 1.5, 1.5), knn=(0.3, 0.5, 0.6))) is None
    assert collapse(epochs((0.5, 0.4, 0.4), (20, 20, 20))) is None
