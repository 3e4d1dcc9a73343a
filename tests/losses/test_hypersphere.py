import pytest
import torch

from contraflow.evaluation import geometry
from contraflow.losses.hypersphere import alignment, uniformity


def test_equal_the_measures_of_the_evaluation(vectors):
    z1, z2 = vectors(20, 5).float()
    assert alignment(z1, z2).item() == pytest.approx(geometry.alignment(z1.numpy(), z2.numpy()), rel=1e-5)
    assert uniformity(z1).item() == pytest.approx(geometry.uniformity(z1.numpy()), rel=1e-5)


def test_closed_forms_and_gradients(vectors, check_gradient):
    z = torch.eye(2, dtype=torch.float64)
    assert alignment(z, z.flip(0)).item() == pytest.approx(2)
    assert uniformity(z).item() == pytest.approx(-4)
    assert uniformity(torch.ones(3, 2)).item() == pytest.approx(0)
    check_gradient(alignment, *vectors(4, 3))
    check_gradient(uniformity, *vectors(4, 3, count=1))
