"""What holds for each method."""

import copy

import pytest
import torch

from contraflow.methods.parts import settings
from contraflow.methods.parts.registry import METHODS
from contraflow.training.optimisers import build_optimiser

HALVES = (torch.bfloat16, torch.float16)
WITH_NEGATIVES = [name for name in METHODS if name not in settings.WITHOUT_NEGATIVES]
POLICIES = {
    "debiased": {"weighting": "debiased"},
    "hcl": {"weighting": "hcl"},
    "ring": {"selection": "ring", "inner": 0.1, "outer": 0.5},
    "hardest": {"selection": "hardest", "k": 2},
    "margin": {"selection": "margin", "margin": 0.0},
    "adaptive": {"selection": "adaptive", "inner": 0.2, "outer": 0.5},
    "mixing": {"mix_pairs": 3, "mix_anchor": 2, "mix_hardest": 4},
    "window": {"exclude_window": 2},
    "elimination": {"false_negatives": "eliminate", "fn_threshold": 0.1},
    "attraction": {"false_negatives": "attract", "fn_threshold": 0.1},
    "all at once": {
        "exclude_window": 1,
        "false_negatives": "attract",
        "fn_threshold": 0.1,
        "selection": "ring",
        "outer": 0.9,
        "mix_pairs": 3,
        "weighting": "hcl",
    },
}


def steps(method, optimiser, batch_of, numbers):
    losses = []
    for number in numbers:
        loss = method(batch_of(number, progress=number / 8)).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def test_a_method_is_registered_by_the_name_of_its_file():
    assert sorted(METHODS) == settings.METHOD_NAMES
    assert all(method.__module__ == f"contraflow.methods.{name}" for name, method in METHODS.items())


@pytest.mark.parametrize("name", METHODS)
def test_a_copy_of_all_state_goes_on_bit_for_bit(method_of, params_of, batch_of, name):
    """The queue's length divides neither the batch nor what was pushed when it is copied."""
    changes = {"queue": 13, "loss": {"temperature": "learned"}}
    method, other = method_of(name, **changes), method_of(name, **changes)
    optimisers = [build_optimiser(params_of(train={"lr": 0.01}).train, m) for m in (method, other)]
    steps(method, optimisers[0], batch_of, range(4))
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    optimisers[1].load_state_dict(copy.deepcopy(optimisers[0].state_dict()))
    found = []
    for m, optimiser in zip((method, other), optimisers, strict=True):
        torch.manual_seed(1)
        found.append(steps(m, optimiser, batch_of, range(4, 8)))
    assert found[0] == found[1]
    for key, tensor in method.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[key]), key


@pytest.mark.parametrize("projection", ["mlp", "none"])
@pytest.mark.parametrize("name", METHODS)
def test_gradients_reach_the_encoder_and_no_momentum_copy(method_of, batch_of, name, projection):
    method = method_of(name, model={"projection": projection})
    method(batch_of(0))  # fills queues
    method(batch_of(1)).loss.backward()
    for key, parameter in method.named_parameters():
        assert (parameter.grad is None) == key.startswith("momentum."), key
    assert sum(p.grad.abs().sum() for p in method.encoder.parameters()) > 0


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", METHODS)
def test_half_precision_is_finite(method_of, batch_of, device, name, half):
    method = method_of(name, loss={"tau": 0.01, "teacher_tau": [0.005, 0.008]}).to(device)
    for number in range(3):
        with torch.autocast(device.type, dtype=half):
            loss = method(batch_of(number).to(device)).loss
        assert torch.isfinite(loss) and loss.dtype == torch.float32


@pytest.mark.parametrize("name", METHODS)
def test_gradients_in_half_precision_point_where_those_in_single_do(method_of, batch_of, device, name):
    """By a step as a training makes it, those in float16 scaled as they are after its first few."""
    losses, gradients = {}, {}
    for kind in (torch.float32, *HALVES):
        method, batch = method_of(name).to(device), batch_of(1, n=16).to(device)
        scaler = torch.amp.GradScaler(device.type, init_scale=64.0, enabled=kind is torch.float16)
        optimiser = torch.optim.SGD(method.parameters(), lr=0.01)
        method(batch_of(0).to(device))  # fills queues
        torch.manual_seed(1)
        with torch.autocast(device.type, dtype=kind, enabled=kind is not torch.float32):
            loss = method(batch).loss
        scaler.scale(loss).backward()
        scaler.unscale_(optimiser)
        losses[kind], gradients[kind] = loss, torch.cat([p.grad.flatten() for p in method.encoder.parameters()])
    exact = gradients[torch.float32]
    for half in HALVES:
        torch.testing.assert_close(losses[half], losses[torch.float32], rtol=0.02, atol=0.02)
        assert torch.cosine_similarity(gradients[half], exact, dim=0) > 0.9
        assert 0.8 < gradients[half].norm() / exact.norm() < 1.25


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", WITH_NEGATIVES)
def test_every_policy_composes_with_every_method_that_has_negatives(method_of, batch_of, name, policy):
    if "weighting" in POLICIES[policy] and name in settings.WITHOUT_SOFTMAX:
        pytest.skip("refused by the parameters: there is no softmax to weigh in")
    method, plain = method_of(name, negatives=POLICIES[policy]), method_of(name)
    losses = []
    for m in (method, plain):
        torch.manual_seed(0)
        for number in range(4):
            output = m(batch_of(number))
        output.loss.backward()
        assert all(torch.isfinite(p.grad).all() for p in m.encoder.parameters())
        losses.append(output.loss.item())
    if name != "triplet":  # the one negative that it takes may still be there
        assert losses[0] != losses[1]
