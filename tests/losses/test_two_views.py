"""What holds for every loss of two views: symmetry, blindness to batch order, finite in half precision."""

import pytest
import torch

from contraflow.encoded.kin import Kin
from contraflow.losses.comparison import SIMILARITIES, in_batch
from contraflow.losses.false_negatives import attract, suspects
from contraflow.losses.margins import margin_pairs, triplet
from contraflow.losses.ntxent import ntxent
from contraflow.losses.selection import hardest, ring, within_margin
from contraflow.losses.weighting import debias, harden
from contraflow.losses.without_negatives import barlow_twins, vicreg
from contraflow.methods.parts.kinship import Kinship
from contraflow.training.diagnosis import alignment

TAU = 0.01


def of_label(labels):
    """The kinship of rows that have these labels, -1 for none."""
    return Kinship([Kin.by_label(torch.as_tensor(labels).numpy())])


def with_policy(policy):
    return lambda a, b, _: ntxent(a, b, TAU, negatives=policy)


def compared(loss):
    return lambda a, b, _: loss(in_batch(torch.stack([a, b]), torch.arange(len(a))))


LOSSES = {
    "ntxent": lambda a, b, _: ntxent(a, b, TAU),
    "ntxent by distance": lambda a, b, _: ntxent(a, b, TAU, similarity="euclidean"),
    "ntxent by dot product": lambda a, b, _: ntxent(a, b, TAU, similarity="dot"),
    "supcon": lambda a, b, labels: ntxent(a, b, TAU, kin=of_label(labels)),
    "debiased": with_policy(lambda c, t: debias(c, t, 0.1)),
    "hcl": with_policy(lambda c, t: debias(harden(c, t, 1.0), t, 0.1)),
    "ring": with_policy(lambda c, t: ring(c, 0.1, 0.5)),
    "hardest": with_policy(lambda c, t: hardest(c, 3)),
    "within margin": with_policy(lambda c, t: within_margin(c, 0.2)),
    "attraction": with_policy(lambda c, t: attract(c, suspects(c, 3, 0.3))),
    "triplet": compared(lambda c: triplet(c, 0.3, "semi_hard")),
    "margin": compared(lambda c: margin_pairs(c, 0.5, "cosine")),
    "barlow": lambda a, b, _: barlow_twins(a, b, 0.005),
    "vicreg": lambda a, b, _: vicreg(a, b, (25, 25, 1)),
    "alignment": lambda a, b, _: alignment(a, b),
}
LABELS = torch.tensor([0, 1, 0, 2, -1, -1, 1, 3])


@pytest.mark.parametrize("name", LOSSES)
def test_symmetric_in_the_views_and_blind_to_batch_order(vectors, name):
    loss, (z1, z2), order = LOSSES[name], vectors(8, 4), torch.randperm(8)
    value = loss(z1, z2, LABELS)
    torch.testing.assert_close(loss(z2, z1, LABELS), value)
    torch.testing.assert_close(loss(z1[order], z2[order], LABELS[order]), value)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("alike", [True, False])
def test_half_precision_is_finite_with_its_gradient(vectors, name, alike):
    z1, z2 = (100 * vectors(8, 4)).to(torch.bfloat16)
    z1 = z1.requires_grad_()
    loss = LOSSES[name](z1, z1 if alike else z2, LABELS)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(z1.grad).all()


def test_the_similarities():
    a, b = torch.tensor([[3.0, 4.0]]), torch.tensor([[6.0, 8.0], [0.0, 0.0], [-4.0, 3.0]])
    expected = {"cosine": [1, 0, 0], "dot": [50, 0, 0], "euclidean": [-5, -5, -(50**0.5)]}
    for name, values in expected.items():
        torch.testing.assert_close(SIMILARITIES[name](a, b), torch.tensor([values], dtype=torch.float32))
