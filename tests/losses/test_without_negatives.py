"""The losses that know no negatives: cosine regression, Barlow Twins, VICReg."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.losses.without_negatives import barlow_twins, negative_cosine, vicreg

batches = st.tuples(st.integers(2, 8), st.integers(1, 5), st.integers(0, 10**6))


def columns(z):
    return [[float(x) for x in column] for column in z.T]


def mean(values):
    return sum(values) / len(values)


def slow_barlow(z1, z2, redundancy):
    def standard(column):
        deviation = math.sqrt(mean([(x - mean(column)) ** 2 for x in column]) + 1e-5)
        return [(x - mean(column)) / deviation for x in column]

    first, second = ([standard(c) for c in columns(z)] for z in (z1, z2))
    total = 0.0
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            c = mean([x * y for x, y in zip(a, b, strict=True)])
            total += (1 - c) ** 2 if i == j else redundancy * c**2
    return total


def slow_vicreg(z1, z2, weights):
    n, d = z1.shape
    invariance = sum((float(a) - float(b)) ** 2 for a, b in zip(z1.flatten(), z2.flatten(), strict=True)) / (n * d)
    variance = covariance = 0.0
    for z in (z1, z2):
        centred = [[x - mean(column) for x in column] for column in columns(z)]
        products = [[sum(x * y for x, y in zip(a, b, strict=True)) / (n - 1) for b in centred] for a in centred]
        variance += sum(max(0.0, 1 - math.sqrt(products[i][i] + 1e-4)) for i in range(d)) / d / 2
        covariance += sum(products[i][j] ** 2 for i in range(d) for j in range(d) if i != j) / d
    return weights[0] * invariance + weights[1] * variance + weights[2] * covariance


@given(shape=batches, redundancy=st.floats(0.001, 1))
def test_barlow_equals_the_slow_definition(vectors, shape, redundancy):
    z1, z2 = vectors(*shape)
    expected = slow_barlow(z1, z2, redundancy)
    assert barlow_twins(z1, z2, redundancy).item() == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(shape=batches, weights=st.tuples(*[st.floats(0, 30)] * 3))
def test_vicreg_equals_the_slow_definition(vectors, shape, weights):
    z1, z2 = vectors(*shape)
    assert vicreg(z1, z2, weights).item() == pytest.approx(slow_vicreg(z1, z2, weights), rel=1e-9, abs=1e-9)


@given(shape=batches)
def test_cosine_regression_equals_the_slow_definition(vectors, shape):
    p, z = vectors(*shape)
    each = [float(a @ b / a.norm() / b.norm()) for a, b in zip(p, z, strict=True)]
    assert negative_cosine(p, z).item() == pytest.approx(-mean(each), rel=1e-6, abs=1e-9)


def test_closed_forms():
    z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])  # uncorrelated, of deviation 1
    assert barlow_twins(z, z, 0.005).item() == pytest.approx(0, abs=1e-8)
    assert barlow_twins(z, -z, 0.005).item() == pytest.approx(8, abs=1e-3)
    assert vicreg(z, z, (25, 25, 1)).item() == 0
    assert vicreg(torch.zeros(4, 2), torch.zeros(4, 2), (25, 25, 1)).item() == pytest.approx(25 * 0.99)
    assert negative_cosine(z, 3 * z).item() == pytest.approx(-1)


def test_gradients(vectors, check_gradient):
    z = vectors(5, 3)
    check_gradient(lambda a, b: barlow_twins(a, b, 0.1), *z)
    check_gradient(lambda a, b: vicreg(a, b, (25, 25, 1)), *z)
    check_gradient(negative_cosine, *z)
