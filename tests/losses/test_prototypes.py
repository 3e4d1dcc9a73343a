"""Assignments to prototypes and their prediction, against sums over single images, views and prototypes."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.losses.prototypes import predict_others, sharpened, sinkhorn

sizes = st.tuples(st.integers(1, 9), st.integers(2, 6), st.integers(0, 10**6))
views = st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(1, 5), st.integers(2, 6), st.integers(0, 10**6))


def scores_of(*shape, seed=0):
    """As cosines, -1 to 1."""
    return 2 * torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) - 1


def spread_over(*shape, seed=1):
    return scores_of(*shape, seed=seed).softmax(-1)


def slow_sinkhorn(scores, epsilon, iterations):
    """The matrix itself, scaled a column and then a row at a time."""
    images, prototypes = scores.shape
    share = [[math.exp(score / epsilon) for score in row] for row in scores.tolist()]
    for _ in range(iterations):
        for k in range(prototypes):
            total = sum(row[k] for row in share)
            for row in share:
                row[k] *= images / prototypes / total
        share = [[value / sum(row) for value in row] for row in share]
    return torch.tensor(share, dtype=torch.float64)


def slow_prediction(targets, scores, tau):
    costs = []
    for (t, target), (v, view) in product(enumerate(targets.tolist()), enumerate(scores.tolist())):
        if t != v:
            for wanted, row in zip(target, view, strict=True):
                total = sum(math.exp(score / tau) for score in row)
                costs.append(-sum(q * math.log(math.exp(s / tau) / total) for q, s in zip(wanted, row, strict=True)))
    return sum(costs) / len(costs)


@given(size=sizes, epsilon=st.floats(0.02, 2), iterations=st.integers(1, 5))
def test_assignments_equal_the_slow_definition(size, epsilon, iterations):
    scores = scores_of(*size[:2], seed=size[2])
    found = sinkhorn(scores, epsilon, iterations)
    torch.testing.assert_close(found, slow_sinkhorn(scores, epsilon, iterations), rtol=1e-9, atol=1e-12)


@given(size=sizes, epsilon=st.floats(0.02, 2), iterations=st.integers(1, 5))
def test_each_image_is_assigned_whole_and_each_prototype_gets_an_equal_share(size, epsilon, iterations):
    images, prototypes, seed = size
    scores = scores_of(images, prototypes, seed=seed)
    found = sinkhorn(scores, epsilon, iterations)
    assert (found >= 0).all()
    torch.testing.assert_close(found.sum(1), torch.ones(images, dtype=torch.float64))
    shares = sinkhorn(scores, max(epsilon, 0.5), 500).sum(0)
    torch.testing.assert_close(shares, torch.full((prototypes,), images / prototypes, dtype=torch.float64))


@given(size=sizes, iterations=st.integers(1, 4))
def test_what_all_images_have_in_common_and_their_order_do_not_matter(size, iterations):
    images, prototypes, seed = size
    scores, common = scores_of(images, prototypes, seed=seed), 3 * scores_of(1, prototypes, seed=seed + 1)
    found = sinkhorn(scores, 0.3, iterations)
    torch.testing.assert_close(sinkhorn(scores + common, 0.3, iterations), found)
    rows, columns = (torch.randperm(n, generator=torch.Generator().manual_seed(seed)) for n in scores.shape)
    torch.testing.assert_close(sinkhorn(scores[rows][:, columns], 0.3, iterations), found[rows][:, columns])


@given(order=st.permutations(range(5)))
def test_with_as_many_prototypes_as_images_each_gets_the_one_that_it_is_nearest_to(order):
    nearest = torch.eye(5)[list(order)]
    torch.testing.assert_close(sinkhorn(nearest, 0.05, 3), nearest, rtol=0, atol=1e-6)


def test_where_all_images_are_alike_they_are_spread_evenly():
    assert torch.allclose(sinkhorn(torch.tensor([[0.9, -0.5, 0.1]]).expand(6, 3), 0.05, 1), torch.tensor(1 / 3))


def test_no_epsilon_overflows():
    torch.testing.assert_close(sinkhorn(2 * torch.eye(3) - 1, 1e-4, 3), torch.eye(3))


@given(size=views, tau=st.floats(0.05, 2))
def test_prediction_equals_the_slow_definition(size, tau):
    first, more, images, prototypes, seed = size
    if first + more < 2:
        return
    scores = scores_of(first + more, images, prototypes, seed=seed)
    targets = spread_over(first, images, prototypes, seed=seed + 1)
    assert predict_others(targets, scores, tau).item() == pytest.approx(slow_prediction(targets, scores, tau), rel=1e-9)


@given(size=sizes, tau=st.floats(0.05, 2))
def test_uniform_predictions_cost_the_logarithm_of_the_prototypes(size, tau):
    images, prototypes, seed = size
    targets = spread_over(2, images, prototypes, seed=seed)
    even = scores_of(3, images, 1, seed=seed).expand(3, images, prototypes)
    assert predict_others(targets, even, tau).item() == pytest.approx(math.log(prototypes))


@given(size=sizes, tau=st.floats(0.05, 2))
def test_uniform_targets_cost_the_mean_of_all_prototypes_logarithms(size, tau):
    images, prototypes, seed = size
    scores = scores_of(2, images, prototypes, seed=seed)
    targets = torch.full((2, images, prototypes), 1 / prototypes, dtype=torch.float64)
    expected = ((scores / tau).logsumexp(-1) - scores.mean(-1) / tau).mean()
    torch.testing.assert_close(predict_others(targets, scores, tau), expected)


@given(size=sizes, tau=st.floats(0.05, 2))
def test_views_and_images_may_come_in_any_order_and_what_an_image_adds_to_all_scores_does_not_count(size, tau):
    images, prototypes, seed = size
    scores, targets = scores_of(4, images, prototypes, seed=seed), spread_over(2, images, prototypes, seed=seed)
    loss = predict_others(targets, scores, tau)
    torch.testing.assert_close(predict_others(targets.flip(0, 1), scores[[1, 0, 3, 2]].flip(1), tau), loss)
    torch.testing.assert_close(predict_others(targets, scores + scores_of(4, images, 1, seed=seed), tau), loss)


def test_a_view_that_says_what_is_asked_for_costs_its_entropy():
    scores = scores_of(1, 7, 4).expand(2, 7, 4)
    targets = (scores / 0.3).softmax(-1)
    entropy = torch.special.entr(targets).sum(-1).mean()
    torch.testing.assert_close(predict_others(targets, scores, 0.3), entropy)


@given(size=sizes, tau=st.floats(0.02, 2))
def test_sharpened_equals_the_slow_definition_and_moves_with_its_centre(size, tau):
    images, prototypes, seed = size
    scores, centre = scores_of(images, prototypes, seed=seed), scores_of(prototypes, seed=seed + 1)
    found = sharpened(scores, centre, tau)
    for row, score in zip(found.tolist(), scores.tolist(), strict=True):
        raised = [math.exp((s - c) / tau) for s, c in zip(score, centre.tolist(), strict=True)]
        assert row == pytest.approx([value / sum(raised) for value in raised], rel=1e-9)
    torch.testing.assert_close(sharpened(scores + 3 * centre, 4 * centre, tau), found)
    at_the_centre = sharpened(centre.expand(2, prototypes), centre, tau)
    torch.testing.assert_close(at_the_centre, torch.full_like(at_the_centre, 1 / prototypes))


def test_gradients(check_gradient):
    scores, targets = scores_of(4, 3, 5), spread_over(2, 3, 5)
    check_gradient(lambda s: predict_others(targets, s, 0.2), scores)
    check_gradient(lambda s: sinkhorn(s, 0.2, 3), scores[0])


def test_half_precision_is_taken_at_full():
    scores, targets = scores_of(2, 8, 4).bfloat16(), spread_over(2, 8, 4).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = (
            predict_others(targets, scores, 0.01),
            sinkhorn(scores[0], 0.01, 3),
            sharpened(scores, scores[0, 0], 0.1),
        )
    expected = (
        predict_others(targets, scores.float(), 0.01),
        sinkhorn(scores[0].float(), 0.01, 3),
        sharpened(scores.float(), scores[0, 0].float(), 0.1),
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
