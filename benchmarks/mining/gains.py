"""What an arm gains over another."""

from contraflow.statistics import Difference, difference


def gain(row: dict, control: dict, figure: str, comparisons: int = 1) -> Difference:
    """A figure of an arm minus that of a control with the same seeds, judged as one of so many comparisons."""
    own, other = (dict(enumerate(each[figure])) for each in (row, control))
    return difference(own, other, comparisons)
