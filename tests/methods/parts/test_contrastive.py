import pytest
import torch

from contraflow.losses.ntxent import ntxent
from contraflow.methods.parts.contrastive import LEAST, Temperature


@pytest.fixture
def temperature(params_of):
    return lambda **loss: Temperature(params_of(loss=loss).loss)


def test_fixed_and_cosine(temperature):
    z = torch.ones(2, 3)
    assert temperature(tau=0.3)(z, z, 0.7) == 0.3
    swinging = temperature(temperature="cosine", tau=0.1, tau_max=1.0, tau_swings=2)
    at = [swinging(z, z, progress) for progress in (0, 0.125, 0.25, 0.5, 0.75)]
    assert at == pytest.approx([1.0, 0.55, 0.1, 1.0, 0.1])


def test_macl_grows_with_the_alikeness_of_positives_without_gradient(temperature):
    macl = temperature(temperature="macl", tau=0.2, macl_alpha=0.5)
    z = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    assert macl(z, z, 0).item() == pytest.approx(0.3)
    assert macl(z, -z, 0).item() == pytest.approx(0.1)
    assert macl(z, z.flip(0), 0).item() == pytest.approx(0.2)
    assert not macl(z, z, 0).requires_grad


def test_a_learned_temperature_follows_the_gradient_and_is_bounded(temperature):
    learned = temperature(temperature="learned", tau=0.2)
    z1, z2 = torch.randn(2, 16, 8, generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.SGD(learned.parameters(), lr=1.0)
    losses = []
    for _ in range(20):
        loss = ntxent(z1, z2, learned(z1, z2, 0))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] and learned(z1, z2, 0) > 0.2  # unrelated pairs: the flatter the better
    with torch.no_grad():
        learned.w.fill_(-1e3)
    assert learned(z1, z2, 0).item() == pytest.approx(LEAST)
