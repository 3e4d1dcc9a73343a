import math

import torch

from contraflow.losses.comparison import in_batch, softmax_loss
from contraflow.losses.false_negatives import attract, eliminate, suspected_share, suspects

ANGLES = [0, 10, 90, 180]  # images 0 and 1 are alike


def comparison():
    turn = [math.radians(a) for a in ANGLES]
    z = torch.tensor([[math.cos(a), math.sin(a)] for a in turn], dtype=torch.float64)
    return in_batch(torch.stack([z, z]), torch.arange(4))


def test_suspects_are_both_near_and_among_the_nearest():
    found = suspects(comparison(), top=10, threshold=0.7)
    assert found.nonzero().tolist() == [[0, 1], [0, 5], [1, 0], [1, 4], [4, 1], [4, 5], [5, 0], [5, 4]]
    assert suspects(comparison(), top=1, threshold=0.7).sum() == 4
    assert suspects(comparison(), top=10, threshold=0.99).sum() == 0


def test_elimination_takes_out_of_the_denominator_and_attraction_adds_to_the_numerator():
    base = comparison()
    found = suspects(base, top=10, threshold=0.7)
    e = (base.similarity / 0.5).exp()
    eliminated = attracted = 0.0
    for i in range(8):
        own, alike = (i + 4) % 8, found[i].nonzero().flatten().tolist()
        everything = sum(e[i, j] for j in range(8) if j != i)
        eliminated -= math.log(e[i, own] / (everything - sum(e[i, j] for j in alike))) / 8
        attracted -= sum(math.log(e[i, j] / everything) for j in (own, *alike)) / (1 + len(alike)) / 8
    assert math.isclose(softmax_loss(eliminate(base, found), 0.5).item(), eliminated)
    assert math.isclose(softmax_loss(attract(base, found), 0.5).item(), attracted)


def test_the_share_of_negatives_nearer_than_the_positive():
    z1 = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    z2 = torch.tensor([[0.0, 1.0], [0.0, 1.0]])  # the first image's views differ more than the two images do
    found = suspected_share(in_batch(torch.stack([z1, z2]), torch.arange(2)))
    assert found.item() == 2 / 8  # the second view of image 0 has both views of image 1 nearer than its own other view
    assert suspected_share(in_batch(torch.stack([z1, z1]), torch.arange(2))).item() == 0
