import math

import pytest

from contraflow.pages.numbers import MISSING, fixed, is_number, listing, percent, plus_minus, points, share, times


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_number_is_a_dash(value):
    assert not is_number(value)
    assert fixed(value) == share(value) == points(value) == MISSING


def test_figures_as_a_person_reads_them():
    assert fixed(-1.234) == "\u22121.23"
    assert share(0.8724) == "87.2\u202f%"
    assert points(0.0314) == "+3.1"
    assert points(-0.0314) == "\u22123.1"
    assert points(0.0001) == "0.0"


def test_spread_over_seeds():
    two = {"mean": 0.87244, "std": 0.0031, "n": 2}
    assert plus_minus(two) == "87.24 ±\u00a00.31" and percent(two, 1) == "87.2\u00a0±\u00a00.3\u202f%"
    assert plus_minus(two | {"n": 1}, 3, 1) == "0.872"
    assert plus_minus(two | {"mean": None}) == MISSING and plus_minus(two | {"std": None}) == f"87.24 ±\u00a0{MISSING}"


def test_words():
    assert times(1, "seed") == "1\u00a0seed"
    assert times(12000, "test image") == "12,000\u00a0test images"
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert listing([]) == ""
