import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.losses.ntxent import ntxent


def slow_ntxent(z1, z2, tau):
    """The definition, one anchor at a time, in Python floats."""
    z = [row / row.norm() for row in torch.cat([z1, z2])]
    n, total = len(z1), 0.0
    for i in range(2 * n):
        weights = {j: math.exp(float(z[i] @ z[j]) / tau) for j in range(2 * n) if j != i}
        total -= math.log(weights[(i + n) % (2 * n)] / sum(weights.values()))
    return total / (2 * n)


views = st.tuples(st.integers(1, 9), st.integers(1, 7), st.integers(0, 10**6))


@given(shape=views, tau=st.floats(0.05, 2.0))
def test_equals_the_slow_definition(shape, tau):
    n, d, seed = shape
    z1, z2 = torch.randn(2, n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    assert ntxent(z1, z2, tau).item() == pytest.approx(slow_ntxent(z1, z2, tau), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 5, 64])
def test_identical_embeddings_give_log_2n_minus_1(n):
    z = torch.ones(n, 3)
    assert ntxent(z, z, 0.1).item() == pytest.approx(math.log(2 * n - 1), abs=1e-5)


def test_symmetric_in_the_views_and_blind_to_batch_order_and_scale():
    z1, z2 = torch.randn(2, 8, 4, dtype=torch.float64)
    order = torch.randperm(8)
    value = ntxent(z1, z2, 0.2)
    torch.testing.assert_close(ntxent(z2, z1, 0.2), value)
    torch.testing.assert_close(ntxent(z1[order], z2[order], 0.2), value)
    torch.testing.assert_close(ntxent(7 * z1, z2 / 7, 0.2), value)


def test_gradient():
    z1, z2 = torch.randn(2, 4, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: ntxent(a, b, 0.5), (z1.detach().requires_grad_(), z2.detach().requires_grad_())
    )


def test_half_precision_at_a_low_temperature_is_finite():
    z = (100 * torch.randn(64, 16)).to(torch.bfloat16)
    assert torch.isfinite(ntxent(z, z + 1, 0.01))


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="tau must be greater than 0, got 0"):
        ntxent(torch.ones(2, 3), torch.ones(2, 3), 0)
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 3\)"):
        ntxent(torch.ones(2, 3), torch.ones(3, 3), 1.0)
