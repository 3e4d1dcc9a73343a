import math

import pytest

from benchmarks.methods.tuning import WIDENINGS, Grid, tune

GRID = Grid("train.lr", 1.0)


def tuned(score):
    """What is chosen, and the values that were tried, in order."""
    tried = []

    def attempt(value):
        tried.append(value)
        return score(value)

    return tune(GRID, attempt), tried


@pytest.mark.parametrize("best", [1 / 16, 1 / 4, 1 / 2, 1, 2, 8, 16])
def test_widens_until_the_best_lies_inside(best):
    found, tried = tuned(lambda value: -abs(math.log2(value / best)))
    assert (found.value, found.at_edge) == (best, False)
    assert min(tried) < best < max(tried)
    assert len(set(tried)) == len(tried) == 3 + max(0, abs(round(math.log2(best))))


@pytest.mark.parametrize(("sign", "edge"), [(1, 2.0 ** (1 + WIDENINGS)), (-1, 2.0 ** -(1 + WIDENINGS))])
def test_stops_at_the_bound_and_says_so(sign, edge):
    found, tried = tuned(lambda value: sign * value)
    assert (found.value, found.at_edge) == (edge, True)
    assert len(tried) == 3 + WIDENINGS


def test_ties_go_to_the_middle_then_to_the_smaller():
    assert tuned(lambda value: 0.5)[0].value == 1.0
    found, tried = tuned({0.25: 0.1, 0.5: 0.5, 1.0: 0.2, 2.0: 0.5, 4.0: 0.1}.__getitem__)
    assert (found.value, found.at_edge) == (0.5, False)
    assert tried == [0.5, 1.0, 2.0, 0.25]


def test_a_value_of_which_nothing_comes_is_never_chosen():
    found, _ = tuned(lambda value: math.nan if value > 1 else value)
    assert (found.value, found.at_edge) == (1.0, False)
