import pytest
import torch

from contraflow.losses.comparison import in_batch
from contraflow.losses.selection import hardest, outside_window
from contraflow.losses.weighting import debias, emphasise, harden
from contraflow.methods.parts.negative_policy import NegativePolicy
from contraflow.methods.parts.settings import MethodSettings


@pytest.fixture
def settings_of(params_of):
    return lambda **changes: MethodSettings.of(params_of(**changes))


@pytest.fixture
def policy(settings_of):
    return lambda **negatives: NegativePolicy(settings_of(negatives=negatives))


@pytest.fixture
def comparison():
    z = torch.randn(2, 20, 8, generator=torch.Generator().manual_seed(0))
    return in_batch(z, torch.arange(20))


def test_the_shipped_policy_changes_nothing(policy, comparison):
    assert policy()(comparison, 0.2) is comparison


def test_stages_follow_one_another(policy, comparison):
    found = policy(exclude_window=3, selection="hardest", k=5, weighting="hcl", beta=0.5)(comparison, 0.2)
    expected = debias(harden(hardest(outside_window(comparison, 3), 5), 0.2, 0.5), 0.2, 0.1)
    assert torch.equal(found.negative, expected.negative)
    torch.testing.assert_close(found.weight, expected.weight)


def test_the_window_goes_by_positions_and_keeps_none_in_the_state(settings_of, comparison):
    settings = settings_of(negatives={"exclude_window": 3})
    positions = torch.arange(20) // 5 * 2**32 + torch.arange(20) % 5
    ordered = NegativePolicy(settings, positions)
    assert torch.equal(ordered(comparison, 0.2).negative, outside_window(comparison, 3, positions).negative)
    assert not torch.equal(ordered(comparison, 0.2).negative, NegativePolicy(settings)(comparison, 0.2).negative)
    assert ordered.state_dict() == {}


def test_the_adaptive_ring_grows_with_suspects_and_shrinks_without(policy, comparison):
    adaptive = policy(selection="adaptive", inner=0.0, outer=0.3, fn_target=0.1)
    sizes = [adaptive(comparison, 0.2).negative.sum().item() for _ in range(40)]  # unrelated views: many suspects
    assert sizes[0] == 40 * round(0.3 * 38) and sizes[1] > sizes[0] and sizes[-1] == 40 * 38
    alike = in_batch(comparison.anchors[:20].expand(2, -1, -1), torch.arange(20))
    for _ in range(60):
        adaptive(alike, 0.2)
    assert adaptive.outer < 0.01
    kept = adaptive.outer.clone()
    adaptive.eval()(alike, 0.2)
    assert torch.equal(adaptive.outer, kept) and "outer" in adaptive.state_dict()


def test_macl_weighs_the_anchors_last(settings_of, comparison):
    settings = settings_of(loss={"temperature": "macl"}, negatives={"weighting": "debiased"})
    found, expected = NegativePolicy(settings)(comparison, 0.2), emphasise(debias(comparison, 0.2, 0.1), 0.2)
    torch.testing.assert_close(found.anchor_weight, expected.anchor_weight)
