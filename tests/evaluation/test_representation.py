import numpy as np
import pytest
import torch
from torch import nn

from contraflow.evaluation.representation import frozen
from contraflow.foundations.errors import UserError
from contraflow.models.embed import require_finite


@pytest.fixture
def encoder():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten())


def test_an_evaluation_that_only_looks(encoder):
    encoder.train()
    with frozen(encoder):
        assert not encoder.training
        encoder(torch.randn(2, 1, 5, 5))


def test_a_changed_weight_is_named(encoder):
    with pytest.raises(AssertionError, match=r"changed by the evaluation: 0\.weight$"), frozen(encoder):
        weight = encoder[0].weight.data.view(-1)
        weight[3] = torch.nextafter(weight[3], torch.tensor(9.0))


def test_moved_statistics_are_named(encoder):
    with (
        pytest.raises(AssertionError, match=r"1\.num_batches_tracked, 1\.running_mean, 1\.running_var"),
        frozen(encoder),
    ):
        encoder.train()(torch.randn(2, 1, 5, 5))
        encoder.eval()


def test_training_mode_is_named(encoder):
    with pytest.raises(AssertionError, match="in training mode after the evaluation: 1"), frozen(encoder):
        encoder[1].train()


def test_an_error_inside_is_not_hidden(encoder):
    with pytest.raises(KeyError), frozen(encoder):
        raise KeyError


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused_by_name(value):
    features = np.ones((5, 3), np.float32)
    require_finite(features, "x")
    features[2, 1] = value
    with pytest.raises(UserError, match=r"run/encoder\.safetensors gives NaN or infinite features for 1 of 5 items"):
        require_finite(features, "run/encoder.safetensors")
