"""Who is never a negative of whom, whatever mining finds."""

from contraflow.encoded.card import EncodedData
from contraflow.encoded.kin import Kin, copies_of


def never_negatives(data: EncodedData, positives: Kin | None, exclude_window: int) -> list[Kin]:
    """The images that are not to be negatives of each other, as they are kin by any of these: at least one.

    Each of itself and of what lies within `negatives.exclude_window`, of its known positives, and of its copies.

    Args:
        positives: As `kin_of` tells them.
    """
    return [Kin(data.positions, exclude_window), *([] if positives is None else [positives]), *copies_of(data)]
