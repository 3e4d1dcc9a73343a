from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contraflow.foundations.shares import part_of


@pytest.mark.parametrize(
    ("share", "whole", "number"), [(0.07, 100, 7), (0.14, 100, 14), (0.29, 100, 29), (1e-5, 10, 1)]
)
def test_rounding_up_takes_no_more_than_the_share(share, whole, number):
    assert ceil(part_of(whole, share)) == number


@given(st.integers(0, 10**6), st.integers(0, 10_000))
def test_it_is_decimal_arithmetic(whole, tenthousandths):
    assert part_of(whole, tenthousandths / 10_000) == Fraction(tenthousandths * whole, 10_000)
