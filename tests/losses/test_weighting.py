import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from contraflow.losses.ntxent import ntxent
from contraflow.losses.selection import within_margin
from contraflow.losses.weighting import debias, emphasise, harden

batches = st.tuples(st.integers(2, 7), st.integers(1, 7), st.integers(0, 10**6))
temperatures, shares = st.floats(0.05, 2.0), st.floats(0, 0.9)


def hcl(z1, z2, tau, tau_plus, beta):
    return ntxent(z1, z2, tau, negatives=lambda c, t: debias(harden(c, t, beta), t, tau_plus))


def debiased(z1, z2, tau, tau_plus):
    return ntxent(z1, z2, tau, negatives=lambda c, t: debias(c, t, tau_plus))


def slow_hcl(z1, z2, tau, tau_plus, beta):
    """HCL as its authors write it, one anchor at a time; with beta 0 the debiased loss."""
    z, n, total = torch.cat([z1, z2]), len(z1), 0.0
    for i in range(2 * n):
        e = [math.exp(float(F.cosine_similarity(z[i], x, dim=0)) / tau) for x in z]
        positive, negative = e[(i + n) % (2 * n)], [e[j] for j in range(2 * n) if j % n != i % n]
        importance = [x**beta for x in negative]
        mean = sum(importance) / len(importance)
        reweighted = sum(w * x for w, x in zip(importance, negative, strict=True)) / mean
        corrected = (reweighted - len(negative) * tau_plus * positive) / (1 - tau_plus)
        total -= math.log(positive / (positive + max(corrected, len(negative) * math.exp(-1 / tau))))
    return total / (2 * n)


@given(shape=batches, tau=temperatures, tau_plus=shares, beta=st.floats(0, 3))
def test_equals_the_slow_definition(vectors, shape, tau, tau_plus, beta):
    z1, z2 = vectors(*shape)
    expected = slow_hcl(z1, z2, tau, tau_plus, beta)
    assert hcl(z1, z2, tau, tau_plus, beta).item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(shape=batches, tau=temperatures, tau_plus=shares)
def test_hcl_with_beta_0_is_debiased_and_debiased_with_tau_plus_0_is_ntxent(vectors, shape, tau, tau_plus):
    z1, z2 = vectors(*shape)
    torch.testing.assert_close(hcl(z1, z2, tau, tau_plus, 0), debiased(z1, z2, tau, tau_plus))
    torch.testing.assert_close(debiased(z1, z2, tau, 0), ntxent(z1, z2, tau))


def test_gradients_pass_through_the_weights(vectors, check_gradient):
    z1, z2 = vectors(4, 3, seed=1)
    check_gradient(lambda a, b: hcl(a, b, 0.5, 0.1, 1.0), z1, z2)
    check_gradient(lambda a, b: debiased(a, b, 0.5, 0.1), z1, z2)


@pytest.mark.parametrize("scale", [1.0, 0.0])
def test_a_low_temperature_in_half_precision_is_finite_with_its_gradient(scale):
    z = (100 * torch.randn(64, 16)).to(torch.bfloat16).requires_grad_()
    loss = hcl(z, z.detach() * -scale + 1, 0.01, 0.1, 1.0)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(z.grad).all()


def test_an_anchor_without_negatives_stays_finite(vectors):
    z1, _ = vectors(3, 4)
    z1 = z1.requires_grad_()
    none = ntxent(z1, z1, 0.2, negatives=lambda c, t: debias(harden(within_margin(c, 0.0), t, 1.0), t, 0.1))
    none.backward()
    assert none.item() == 0 and torch.isfinite(z1.grad).all()


def slow_model_aware(z1, z2, tau):
    """Each anchor's NT-Xent over its share of probability that is not the positive's."""
    z, n, total = torch.cat([z1, z2]), len(z1), 0.0
    for i in range(2 * n):
        e = [math.exp(float(F.cosine_similarity(z[i], x, dim=0)) / tau) for x in z]
        share = e[(i + n) % (2 * n)] / sum(e[j] for j in range(2 * n) if j != i)
        total -= math.log(share) / (1 - share)
    return total / (2 * n)


@given(shape=batches, tau=st.floats(0.2, 2.0))
def test_emphasised_anchors_equal_the_slow_definition(vectors, shape, tau):
    z1, z2 = vectors(*shape)
    assert ntxent(z1, z2, tau, negatives=emphasise).item() == pytest.approx(slow_model_aware(z1, z2, tau), rel=1e-6)


def test_an_anchor_that_has_found_its_positive_stays_finite():
    z = torch.eye(8).requires_grad_()
    loss = ntxent(z, z.detach(), 0.01, negatives=emphasise)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(z.grad).all()
