import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from contraflow.training.optimisers import LARS, build_optimiser, learning_rate
from contraflow.training.settings import Train

TRAIN = {
    "epochs": 1, "batch_size": 2, "gpus": 1, "optimiser": "sgd", "lr": 0.1, "momentum": 0.9,
    "weight_decay": 0.5, "warmup_epochs": 0.0, "precision": "float32",
    "knn_every": 0, "stop_on": "never", "patience": 1,
}  # fmt: skip


def test_lars_by_hand_over_two_steps():
    w = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    optimiser = LARS([w], lr=0.1, momentum=0.5, weight_decay=0.1, trust=0.01)
    expected, velocity = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    for gradient in (torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])):
        w.grad = gradient
        optimiser.step()
        step = gradient + 0.1 * expected
        velocity = 0.5 * velocity + step * 0.01 * math.sqrt((expected**2).sum()) / math.sqrt((step**2).sum())
        expected = expected - 0.1 * velocity
        torch.testing.assert_close(w.data, expected)


def test_lars_takes_plain_steps_for_biases_and_zero_weights():
    bias, zero = nn.Parameter(torch.ones(2)), nn.Parameter(torch.zeros(1, 2))
    bias.grad, zero.grad = torch.full((2,), 2.0), torch.ones(1, 2)
    LARS([bias, zero], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(bias.data, torch.full((2,), 0.8))
    torch.testing.assert_close(zero.data, torch.full((1, 2), -0.1))


@pytest.mark.parametrize(("name", "kind"), [("sgd", torch.optim.SGD), ("lars", LARS), ("adamw", torch.optim.AdamW)])
def test_every_optimiser_lowers_a_loss_and_never_decays_biases(name, kind):
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    model = nn.ModuleDict({"encoder": network})
    optimiser = build_optimiser(Train(**TRAIN | {"optimiser": name, "lr": 0.01 if name != "lars" else 1.0}), model)
    assert isinstance(optimiser, kind)
    assert [group["weight_decay"] for group in optimiser.param_groups] == [0.5, 0.0]
    assert all(p.ndim == 1 for p in optimiser.param_groups[1]["params"])
    x, losses = torch.randn(32, 4), []
    y = x.sum(1, keepdim=True)
    for _ in range(30):
        loss = (network(x) - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_schedule_warms_up_to_the_peak_and_ends_near_zero():
    rates = [learning_rate(step, steps=100, warmup=10, peak=2.0) for step in range(100)]
    assert rates[0] == pytest.approx(0.2) and rates[9] == rates[10] == 2.0 == max(rates)
    assert rates[55] == pytest.approx(1.0)  # half of the cosine
    assert rates[10:] == sorted(rates[10:], reverse=True) and 0 < rates[-1] < 0.01


def test_schedule_without_warmup_begins_at_the_peak():
    assert learning_rate(0, steps=5, warmup=0, peak=1.0) == 1.0


def test_no_optimiser_waits_for_torchs_compiler():
    code = f"""
import sys, torch
from contraflow.training.settings import Train
from contraflow.training.optimisers import build_optimiser
for name in ("sgd", "lars", "adamw"):
    model = torch.nn.ModuleDict({{"encoder": torch.nn.Linear(2, 1)}})
    optimiser = build_optimiser(Train(**{TRAIN} | {{"optimiser": name}}), model)
    optimiser.zero_grad()
    model.encoder(torch.ones(3, 2)).sum().backward()
    optimiser.step()
    optimiser.load_state_dict(optimiser.state_dict())
    print("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["False"] * 3


@pytest.mark.parametrize("head", [1, 10])
def test_rates_rise_from_the_first_layer_of_the_encoder_to_its_last_and_heads_have_their_own(head):
    encoder = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.Conv2d(2, 2, 1), nn.Linear(2, 2)))
    model = nn.ModuleDict({"encoder": encoder, "projection": nn.Linear(2, 2)})
    optimiser = build_optimiser(Train(**TRAIN | {"first_layer_rate": 0.001, "head_rate": head}), model)
    found = {id(p): group["share"] for group in optimiser.param_groups for p in group["params"]}
    layers = [encoder[0], encoder[1], encoder[2][0], encoder[2][1], model["projection"]]
    for layer, share in zip(layers, (0.001, 0.01, 0.1, 1, head), strict=True):
        assert [found[id(p)] for p in layer.parameters()] == pytest.approx([share, share])
    assert sum(len(group["params"]) for group in optimiser.param_groups) == 10
    plain = build_optimiser(Train(**TRAIN), model)
    assert [group["share"] for group in plain.param_groups] == [1.0, 1.0]
