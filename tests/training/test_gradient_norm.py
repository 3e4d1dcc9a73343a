import pytest
import torch

from contraflow.training.loop import _mean_of_finite


@pytest.mark.parametrize("overflowed", [torch.inf, torch.nan])
def test_one_overflowed_step_does_not_make_an_epochs_gradient_infinite(overflowed):
    assert _mean_of_finite(torch.tensor([1.0, overflowed, 3.0])) == 2.0
    assert _mean_of_finite(torch.tensor([overflowed])) == 0.0
