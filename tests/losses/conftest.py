"""Vectors, comparisons and gradient checks for the tests of losses."""

import pytest
import torch

from contraflow.losses.comparison import in_batch


def _vectors(n, d, seed=0, count=2):
    return torch.randn(count, n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="session")
def vectors():
    """`vectors(n, d, seed, count=2)`: `count` float64 matrices (n, d)."""
    return _vectors


@pytest.fixture(scope="session")
def batch():
    """`batch(n, d, seed)`: the comparison of n images in two views of d numbers."""

    def make(n, d, seed=0, similarity="cosine"):
        return in_batch(_vectors(n, d, seed), torch.arange(n), similarity)

    return make


@pytest.fixture(scope="session")
def check_gradient():
    """`check_gradient(loss, *tensors)`: the gradient for each tensor equals that of finite differences."""

    def check(loss, *tensors):
        assert torch.autograd.gradcheck(loss, [tensor.clone().requires_grad_() for tensor in tensors])

    return check
