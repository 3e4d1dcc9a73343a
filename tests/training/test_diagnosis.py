import math

import pytest
import torch
import torch.nn.functional as F

from contraflow.evaluation import geometry
from contraflow.training.diagnosis import MOST, Recent, alignment, diagnose, uniformity


def test_figures_equal_their_slow_definitions():
    z = torch.randn(2, 12, 5, generator=torch.Generator().manual_seed(0))
    found, (a, b) = diagnose(z), F.normalize(z, dim=2)
    assert found["alignment"] == pytest.approx(alignment(a, b).item())
    assert found["uniformity"] == pytest.approx(uniformity(a).item())
    assert found["positive"] == pytest.approx(sum(float(x @ y) for x, y in zip(a, b, strict=True)) / 12, rel=1e-5)
    hardest = [max(float(a[i] @ a[j]) for j in range(12) if j != i) for i in range(12)]
    assert found["hardest"] == pytest.approx(sum(hardest) / 12, rel=1e-5)
    deviation = [math.sqrt(sum((x - column.mean()) ** 2 for x in column) / 11) for column in a.T]
    assert found["spread"] == pytest.approx(sum(map(float, deviation)) / 5 * math.sqrt(5), rel=1e-5)


def test_rank_and_spread_of_known_shapes():
    axes = torch.cat([torch.eye(6), -torch.eye(6)])
    even = diagnose(torch.stack([axes, axes]))
    assert even["rank"] == pytest.approx(6, rel=1e-4) and even["spread"] == pytest.approx(math.sqrt(12 / 11), rel=1e-4)
    point = diagnose(torch.ones(2, 9, 6))
    assert point["rank"] == pytest.approx(1, abs=1e-2) and point["spread"] == pytest.approx(0, abs=1e-5)
    assert point["uniformity"] == pytest.approx(0, abs=1e-5) and point["hardest"] == pytest.approx(1)


def test_the_last_batches_are_kept():
    recent = Recent()
    for number in range(9):
        recent.add(torch.full((2, 300, 2), float(number), requires_grad=True))
    kept = torch.cat(recent._batches, dim=1)
    assert kept.shape[1] == 1200 >= MOST and sorted(set(kept.flatten().tolist())) == [5, 6, 7, 8]
    assert not kept.requires_grad


def test_alignment_and_uniformity_equal_those_of_the_evaluation():
    z1, z2 = torch.randn(2, 20, 5, generator=torch.Generator().manual_seed(0))
    assert alignment(z1, z2).item() == pytest.approx(geometry.alignment(z1.numpy(), z2.numpy()), rel=1e-5)
    assert uniformity(z1).item() == pytest.approx(geometry.uniformity(z1.numpy()), rel=1e-5)


def test_alignment_and_uniformity_in_closed_form_and_their_gradients():
    z = torch.eye(2, dtype=torch.float64)
    assert alignment(z, z.flip(0)).item() == pytest.approx(2)
    assert uniformity(z).item() == pytest.approx(-4)
    assert uniformity(torch.ones(3, 2)).item() == pytest.approx(0)
    z1, z2 = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(alignment, [z1, z2]) and torch.autograd.gradcheck(uniformity, [z1])
