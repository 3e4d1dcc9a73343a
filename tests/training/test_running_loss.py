import pytest
import torch
from fixtures.devices import as_on_a_card

from contraflow.foundations.errors import UserError
from contraflow.training.running_loss import RunningLoss


def test_the_mean_so_far(device):
    loss = RunningLoss("seed 0", 1)
    for number, mean in ((1.0, 1.0), (2.0, 1.5), (4.5, 2.5)):
        with as_on_a_card(device):
            loss.add(torch.tensor(number, device=device))
        assert loss.mean(0.1) == loss.mean(0.1) == mean


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_one_that_is_not_finite_ends_the_training(value):
    loss = RunningLoss("seed 0 · round 0", 3)
    for number in ("1", value, "1"):
        loss.add(torch.tensor(float(number)))
    with pytest.raises(UserError, match=f"seed 0 · round 0 failed: the loss became {value} in epoch 3 at .*rate 0.1;"):
        loss.mean(0.1)
