"""Shares that become numbers of images or steps."""

from fractions import Fraction


def part_of(whole: int, share: float) -> Fraction:
    """A share of a whole, exactly: of the number as it is written, 0.07, not of the binary one beside it."""
    return Fraction(repr(float(share))) * whole


def held_out(whole: int, share: float) -> int:
    """How many of `whole` training images a share of them is, of which at least one is held out and two are left."""
    return min(max(1, round(part_of(whole, share))), whole - 2)
