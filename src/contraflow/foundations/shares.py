"""Shares that become numbers of images or steps."""

from fractions import Fraction


def part_of(whole: int, share: float) -> Fraction:
    """A share of a whole, exactly: of the number as it is written, 0.07, not of the binary one beside it."""
    return Fraction(repr(float(share))) * whole
