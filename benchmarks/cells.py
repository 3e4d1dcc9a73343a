"""Cells of the tables that benchmarks write."""

from contraflow.statistics import Difference


def plus_minus(found: dict, factor: int, digits: int) -> str:
    """Mean and standard deviation of a `spread`, in units of 1 / factor."""
    return f"{factor * found['mean']:.{digits}f} ± {factor * found['std']:.{digits}f}"


def less(found: Difference | None) -> str:
    """A difference in points with the margin of its interval; bold beyond noise; nothing for None."""
    if found is None:
        return ""
    if found.margin is None:
        return f"{100 * found.mean:+.2f} ({found.why})"
    words = f"{100 * found.mean:+.2f} ± {100 * found.margin:.2f}"
    return f"**{words}**" if found.sign else words
