"""Who is never a negative of whom, whatever mining finds."""

from contraflow.encoded.card import EncodedData
from contraflow.encoded.kin import Kin, copies_of, kin_of


def never_negatives(
    data: EncodedData, source: str, *, window: int, exclude_window: int, labelled_fraction: float, split_seed: int
) -> list[Kin]:
    """The images that are not to be negatives of each other, as they are kin by any of these: at least one.

    Each of itself and of what lies within `negatives.exclude_window`, of its known positives, and of its copies.

    Args:
        source, window, labelled_fraction, split_seed: As for `kin_of`.
    """
    kin = kin_of(data, source, window=window, labelled_fraction=labelled_fraction, split_seed=split_seed)
    return [Kin(data.positions, exclude_window), *([] if kin is None else [kin]), *copies_of(data)]
