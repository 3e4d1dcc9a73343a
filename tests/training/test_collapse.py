"""Two trainings made to collapse on purpose raise the alarm; that no healthy one does is in test_methods."""

import pytest

from contraflow.losses.hypersphere import alignment
from contraflow.losses.regression import negative_cosine
from contraflow.methods.byol import BYOL
from contraflow.methods.parts.base import Method, Output
from contraflow.methods.parts.registry import METHODS


class WithoutStopGradient(BYOL):
    """BYOL whose target is the online network itself, with gradients."""

    def forward(self, batch):
        z1, z2 = z = self.embed(batch.views)
        p1, p2 = self.predictor(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        return Output(4 + 2 * (negative_cosine(p1, z2) + negative_cosine(p2, z1)), z)


class AlignmentOnly(Method):
    """Views are pulled together, and nothing holds images apart."""

    def forward(self, batch):
        z = self.embed(batch.views)
        return Output(alignment(*z), z)


@pytest.mark.parametrize("method", [WithoutStopGradient, AlignmentOnly])
def test_a_collapse_is_detected_within_the_run(
    monkeypatch, capfd, params_of, fashion_mnist, history_of, tmp_path, method
):
    monkeypatch.setitem(METHODS, "byol", method)
    params = params_of(
        model={"projection_hidden": 64, "projection_dim": 32},
        method={"name": "byol"},
        train={"epochs": 3, "batch_size": 128, "lr": 0.2},
    )
    history = history_of(params, fashion_mnist, tmp_path)
    assert history.collapse.iloc[-1].startswith("the loss fell from") and history.spread.iloc[-1] < 0.25
    assert "COLLAPSED: the loss fell from" in capfd.readouterr().err
