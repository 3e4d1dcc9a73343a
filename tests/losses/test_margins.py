import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.losses.comparison import in_batch
from contraflow.losses.margins import margin_pairs, triplet

batches = st.tuples(st.integers(2, 7), st.integers(1, 7), st.integers(0, 10**6))


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
@given(shape=batches, margin=st.floats(0.01, 2))
@settings(max_examples=40)
def test_equals_the_slow_definition(batch, vectors, similarity, shape, margin):
    n, z = shape[0], torch.cat(list(vectors(*shape)))
    positive, negative = [], []
    for i in range(2 * n):
        for j in range(2 * n):
            if similarity == "cosine":
                distance = 1 - float(z[i] @ z[j] / z[i].norm() / z[j].norm())
            else:
                distance = float((z[i] - z[j]).norm())
            if i != j and i % n == j % n:
                positive.append(distance**2)
            elif i != j:
                negative.append(max(0.0, margin - distance) ** 2)
    expected = sum(positive) / len(positive) + sum(negative) / len(negative)
    assert margin_pairs(batch(*shape, similarity), margin, similarity).item() == pytest.approx(expected, rel=1e-9)


def test_values_by_hand():
    z = torch.tensor([[[0.0], [3.0]], [[1.0], [6.0]]])  # on a line: image 0 at 0 and 1, image 1 at 3 and 6
    comparison = in_batch(z, torch.arange(2), "euclidean")
    # positive distances 1 and 3; negative ones 3, 6, 2, 5, each twice
    assert margin_pairs(comparison, 2.5, "euclidean").item() == pytest.approx((1 + 9) / 2 + 0.25 / 4)
    assert margin_pairs(comparison, 4.0, "euclidean").item() == pytest.approx((1 + 9) / 2 + (1 + 4) / 4)


def test_gradient_and_refusal(vectors, check_gradient, batch):
    for name in ("cosine", "euclidean"):
        check_gradient(
            lambda a, b, s=name: margin_pairs(in_batch(torch.stack([a, b]), torch.arange(4), s), 0.7, s),
            *vectors(4, 3),
        )
    with pytest.raises(ValueError, match="needs cosine or euclidean, got 'dot'"):
        margin_pairs(batch(2, 2, 0, "dot"), 0.5, "dot")


def slow_triplet(similarity, n, margin, choice):
    losses = []
    for i, row in enumerate(similarity.tolist()):
        positive = row[(i + n) % (2 * n)]
        negative = [row[j] for j in range(2 * n) if j % n != i % n]
        if choice == "semi_hard":
            negative = [s for s in negative if s < positive]
        if negative:
            losses.append(max(0.0, max(negative) - positive + margin))
    return sum(losses) / max(1, len(losses))


@pytest.mark.parametrize("choice", ["semi_hard", "hardest"])
@pytest.mark.parametrize("similarity", ["cosine", "euclidean", "dot"])
@given(shape=batches, margin=st.floats(0.01, 2))
@settings(max_examples=40)
def test_triplets_equal_the_slow_definition(batch, choice, similarity, shape, margin):
    comparison = batch(*shape, similarity)
    expected = slow_triplet(comparison.similarity, shape[0], margin, choice)
    assert triplet(comparison, margin, choice).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_values_by_hand_of_triplets():
    # on a line: image 0 at 0 and 1, image 1 at 3 and 6
    z = torch.tensor([[[0.0], [3.0]], [[1.0], [6.0]]])
    comparison = in_batch(z, torch.arange(2), "euclidean")
    # hardest negative and positive of 0: 3, 1; of 3: 2, 3; of 1: 2, 1; of 6: 5, 3
    assert triplet(comparison, 1.0, "hardest").item() == pytest.approx((0 + 2 + 0 + 0) / 4)
    assert triplet(comparison, 2.5, "hardest").item() == pytest.approx((0.5 + 3.5 + 1.5 + 0.5) / 4)
    # semi-hard: the anchor 3 has none farther than 3 (2 and 3 are its distances to image 0)
    assert triplet(comparison, 2.5, "semi_hard").item() == pytest.approx((0.5 + 1.5 + 0.5) / 3)


def test_random_draws_among_all_negatives_by_torchs_generator(batch):
    comparison = batch(3, 2)
    torch.manual_seed(0)
    first = triplet(comparison, 0.5, "random")
    torch.manual_seed(0)
    assert torch.equal(triplet(comparison, 0.5, "random"), first)
    drawn = sum(triplet(comparison, 9.0, "random").item() for _ in range(4000)) / 4000
    n, s = 3, comparison.similarity
    mean = sum(s[i, j] - s[i, (i + n) % 6] for i in range(6) for j in range(6) if j % n != i % n).item() / 24
    assert drawn == pytest.approx(mean + 9, abs=0.05)


def test_gradient_and_refusal_of_triplets(vectors, check_gradient, batch):
    for similarity in ("cosine", "euclidean", "dot"):
        check_gradient(
            lambda a, b, s=similarity: triplet(in_batch(torch.stack([a, b]), torch.arange(4), s), 0.7, "hardest"),
            *vectors(4, 3),
        )
    with pytest.raises(ValueError, match="choice must be one of random, semi_hard, hardest, got 'easy'"):
        triplet(batch(2, 2), 0.5, "easy")
    assert math.isfinite(triplet(in_batch(torch.ones(2, 3, 2), torch.arange(3)), 0.5, "semi_hard"))
