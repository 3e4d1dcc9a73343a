"""Who is never a negative of whom, whatever mining finds."""

import numpy as np

from contraflow.encoded.card import EncodedData
from contraflow.encoded.kin import Kin, copies_of
from contraflow.encoded.texts import Texts


def never_negatives(
    data: EncodedData, positives: Kin | None, exclude_window: int, context: int | None = None
) -> list[Kin]:
    """The images that are not to be negatives of each other, as they are kin by any of these: at least one.

    Each of itself and of what lies within `negatives.exclude_window`, of its known positives, of its copies, and where
    images are compared with texts of those that have the same texts: a loss that draws equal ones counts no such pair.
    Who shares some texts and not all is a negative by the others.

    Args:
        positives: As `kin_of` tells them.
        context: Tokens of a text that are read, where images are compared with texts; None where they are not.
    """
    said = [] if context is None else [_of_whom_the_same_is_said(data.texts["train"], context)]
    positives = [] if positives is None else [positives]
    return [Kin(data.positions, exclude_window), *positives, *copies_of(data), *said]


def _of_whom_the_same_is_said(texts: Texts, context: int) -> Kin:
    """Images of which each text of the one is one of the other: of a text so many tokens count."""
    places: dict[frozenset[bytes], int] = {}
    said = [texts.tokens[text][:context].tobytes() for text in range(len(texts))]
    of_each = (frozenset(said[start:stop]) for start, stop in zip(texts.begins, texts.begins[1:], strict=False))
    return Kin(np.array([places.setdefault(each, len(places)) for each in of_each], np.int64))
