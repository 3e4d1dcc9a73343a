import pytest
import torch
from fixtures.devices import as_on_a_card

from contraflow.foundations.errors import UserError
from contraflow.training.running_loss import RunningLoss


def test_the_mean_so_far(device):
    loss = RunningLoss("seed 0", 1)
    for number, mean in ((1.0, 1.0), (2.0, 1.5), (4.5, 2.5)):
        with as_on_a_card(device):
            loss.add(torch.tensor(number, device=device), 0.1)
        assert loss.mean() == loss.mean() == mean


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_one_that_is_not_finite_ends_the_training(value):
    loss = RunningLoss("seed 0 · round 0", 3)
    for rate, number in ((0.2, "1"), (0.1, value), (0.0, "1")):
        loss.add(torch.tensor(float(number)), rate)
    with pytest.raises(UserError, match=f"seed 0 · round 0 failed: the loss became {value} in epoch 3 at .*rate 0.1;"):
        loss.mean()
