"""What a random order gets, against all orders."""

from itertools import permutations

import numpy as np
import pytest

from contraflow.evaluation import captions, chance


@pytest.mark.parametrize("right", [1, 2, 4, 5])
def test_it_is_the_mean_over_all_orders(right):
    ranks = np.array([order[:right] for order in permutations(range(5))])
    first = captions.scores(ranks.min(1), [1, 2, 9])
    for name, value in chance.of_first(np.array([right]), 5, [1, 2, 9]).items():
        assert value == pytest.approx(first[name].mean()), name
    found = chance.of_all(np.array([right]), 5)
    assert found["r_precision"] == pytest.approx((ranks < right).sum(1).mean() / right)
    precisions = [sum((row <= rank).sum() / (rank + 1) for rank in row if rank < right) for row in ranks]
    assert found["map@r"] == pytest.approx(np.mean(precisions) / right)


def test_queries_have_their_share():
    right = np.array([1, 3, 3, 2])
    whole = chance.of_first(right, 7, [2]) | chance.of_all(right, 7)
    each = [chance.of_first(right[i : i + 1], 7, [2]) | chance.of_all(right[i : i + 1], 7) for i in range(4)]
    assert whole == {name: pytest.approx(np.mean([one[name] for one in each])) for name in whole}


def test_one_right_among_many_has_a_closed_form():
    right = np.ones(200, np.int64)
    found = chance.of_first(right, 200, [1, 10]) | chance.of_all(right, 200)
    assert [found[name] for name in ("recall@1", "r_precision", "map@r")] == pytest.approx([1 / 200] * 3)
    assert found["recall@10"] == pytest.approx(10 / 200)
    assert found["mrr"] == pytest.approx(sum(1 / rank for rank in range(1, 201)) / 200)


def test_a_single_candidate_is_found():
    found = chance.of_first(np.array([1]), 1, [1]) | chance.of_all(np.array([1]), 1)
    assert found == pytest.approx({"recall@1": 1, "mrr": 1, "r_precision": 1, "map@r": 1})
