import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contraflow.losses.comparison import in_batch
from contraflow.losses.pairs import margin_pairs

batches = st.tuples(st.integers(2, 7), st.integers(1, 7), st.integers(0, 10**6))


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
@given(shape=batches, margin=st.floats(0.01, 2))
@settings(deadline=None, max_examples=40)
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
