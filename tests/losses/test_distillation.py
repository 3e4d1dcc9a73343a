"""Distances from a teacher's features, against sums over images and dimensions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.losses.distillation import cosine_distance, standardised_mse

batches = st.tuples(st.integers(2, 8), st.integers(1, 5), st.integers(0, 10**6))


def mean(values):
    return sum(values) / len(values)


def standard(column):
    deviation = math.sqrt(mean([(x - mean(column)) ** 2 for x in column]) + 1e-5)
    return [(x - mean(column)) / deviation for x in column]


@given(shape=batches)
def test_they_equal_the_slow_definitions(vectors, shape):
    z, taught = vectors(*shape)
    cosines = [float(a @ b / a.norm() / b.norm()) for a, b in zip(z, taught, strict=True)]
    assert cosine_distance(z, taught).item() == pytest.approx(1 - mean(cosines), rel=1e-6, abs=1e-9)
    squares = [
        (a - b) ** 2
        for columns in zip(z.T.tolist(), taught.T.tolist(), strict=True)
        for a, b in zip(*map(standard, columns), strict=True)
    ]
    assert standardised_mse(z, taught).item() == pytest.approx(mean(squares), rel=1e-6, abs=1e-9)


@given(shape=batches, factor=st.floats(0.1, 10))
def test_the_cosine_asks_for_the_direction_alone(vectors, shape, factor):
    z, taught = vectors(*shape)
    torch.testing.assert_close(cosine_distance(factor * z, taught), cosine_distance(z, taught))
    assert cosine_distance(factor * taught, taught).item() == pytest.approx(0, abs=1e-9)
    assert cosine_distance(-factor * taught, taught).item() == pytest.approx(2)


def test_the_mse_asks_for_each_dimension_as_far_as_it_varies(vectors):
    z, taught = vectors(64, 5)
    scale, shift = 3 * torch.rand(5, dtype=torch.float64) + 0.5, torch.randn(5, dtype=torch.float64)
    loss = standardised_mse(z, taught)
    torch.testing.assert_close(standardised_mse(scale * z + shift, taught), loss, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(standardised_mse(z, scale * taught + shift), loss, rtol=1e-4, atol=1e-4)
    assert standardised_mse(scale * taught + shift, taught).item() == pytest.approx(0, abs=1e-8)
    assert standardised_mse(-scale * taught, taught).item() == pytest.approx(4, abs=1e-3)
    correlation = torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(z.T, taught.T, strict=True)])
    assert loss.item() == pytest.approx((2 - 2 * correlation).mean().item(), abs=1e-3)


def test_a_constant_dimension_of_the_teacher_asks_for_nothing_that_can_be_learned(vectors):
    z, taught = vectors(16, 3)
    taught[:, 0] = 5
    z.requires_grad_()
    standardised_mse(z, taught).backward()
    assert z.grad[:, 0].abs().max() < 1e-4 and z.grad[:, 1].abs().max() > 1e-3


def test_gradients(vectors, check_gradient):
    z, taught = vectors(5, 3)
    check_gradient(lambda x: cosine_distance(x, taught), z)
    check_gradient(lambda x: standardised_mse(x, taught), z)
