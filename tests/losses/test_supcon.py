"""NT-Xent with labels: SupCon."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.kin import Kin
from contraflow.losses.ntxent import ntxent
from contraflow.methods.parts.kinship import Kinship

labelled = st.lists(st.integers(-1, 2), min_size=1, max_size=8)


def of_label(labels):
    """The kinship of rows that have these labels, -1 for none."""
    return Kinship([Kin.by_label(torch.as_tensor(labels).numpy())])


def slow_supcon(z1, z2, labels, tau):
    z, y, n = torch.cat([z1, z2]), labels * 2, len(labels)
    total = 0.0
    for i in range(2 * n):
        logit = {j: float(F.cosine_similarity(z[i], z[j], dim=0)) / tau for j in range(2 * n) if j != i}
        mine = [j for j in logit if j % n == i % n or (y[i] >= 0 and y[i] == y[j])]
        everything = math.log(sum(map(math.exp, logit.values())))
        total -= sum(logit[j] - everything for j in mine) / len(mine)
    return total / (2 * n)


@given(labels=labelled, d=st.integers(1, 6), seed=st.integers(0, 10**6), tau=st.floats(0.05, 2.0))
def test_equals_the_slow_definition(vectors, labels, d, seed, tau):
    z1, z2 = vectors(len(labels), d, seed)
    value = ntxent(z1, z2, tau, kin=of_label(labels)).item()
    assert value == pytest.approx(slow_supcon(z1, z2, labels, tau), rel=1e-9, abs=1e-9)


def test_one_label_a_pair_and_no_labels_both_give_ntxent(vectors):
    z1, z2 = vectors(6, 4)
    for labels in (torch.arange(6), torch.full((6,), -1)):
        torch.testing.assert_close(ntxent(z1, z2, 0.3, kin=of_label(labels)), ntxent(z1, z2, 0.3))


def test_one_label_for_all_and_equal_embeddings_give_log_2n_minus_1():
    z = torch.ones(5, 3)
    assert ntxent(z, z, 0.1, kin=of_label([0] * 5)).item() == pytest.approx(math.log(9), abs=1e-5)


def test_gradient(vectors, check_gradient):
    labels = torch.tensor([0, 0, 1, -1])
    check_gradient(lambda a, b: ntxent(a, b, 0.5, kin=of_label(labels)), *vectors(4, 3))
