"""Rates that differ between layers are those of a training, not of the optimiser's groups alone."""

import pytest
from safetensors.torch import load_file

FIRST, LAST, HEAD = "encoder.0.weight", "encoder.9.weight", "projection.0.weight"  # of `small`


@pytest.fixture
def moved(params_of, captioned, pretrained, tmp_path):
    """`moved(key, method, **train)`: how far a weight comes from its start, over how far with one rate for all."""

    def trained(method, **train):
        folder = tmp_path / "-".join([method, *(f"{key}{value}" for key, value in train.items())])
        if not folder.exists():
            params = params_of(method={"name": method}, train={"epochs": 2, "knn_every": 0, "lr": 0.05, **train})
            pretrained(params, captioned, folder)
        return load_file(folder / "encoder.safetensors")

    def moved(key, method="simclr", **train):
        start, other, plain = trained(method, lr=1e-9), trained(method, **train), trained(method)
        return float((other[key] - start[key]).norm() / (plain[key] - start[key]).norm())

    return moved


def test_the_first_layer_moves_by_its_share_and_the_head_by_all(moved):
    assert 1e-5 < moved(FIRST, first_layer_rate=1e-4) < 1e-3
    assert 0.1 < moved(HEAD, first_layer_rate=1e-4) < 10


@pytest.mark.parametrize(
    ("method", "beside"),
    [
        ("simclr", HEAD),
        ("byol", "predictor.0.weight"),
        ("swav", "projection.1.weight"),
        ("clip", "text.tokens.weight"),
    ],
)
def test_all_beside_the_encoder_moves_by_its_own_rate_and_the_encoder_as_before(moved, method, beside):
    slow = {"head_rate": 1e-4}
    assert 1e-5 < moved(beside, method, **slow) < 1e-3
    assert 0.1 < moved(FIRST, method, **slow) < 10


def test_a_rate_of_heads_goes_with_frozen_epochs_and_rates_that_fall(moved):
    rates = {"first_layer_rate": 1e-4, "head_rate": 3.0, "frozen_epochs": 1}
    assert 1e-6 < moved(FIRST, **rates) < 1e-3
    assert 0.01 < moved(LAST, **rates) < 10
    assert 1.5 < moved(HEAD, **rates) < 10
