"""Whether retrieval has anything to measure; known of a listing before the first image is read."""

from collections.abc import Callable

import numpy as np

from contraflow.evaluation.settings import Eval
from contraflow.foundations.errors import UserError


def require_queries(
    kinds: np.ndarray,
    gallery: np.ndarray | None,
    settings: Eval,
    *,
    unseen: bool,
    source: str,
    named: Callable[[int], str],
) -> None:
    """Refuse test images among which nothing right can be found.

    Args:
        kinds: What each test image shows, (N,) int64; -1 for nothing that is known.
        gallery: Which of them are searched by the others, (N,) bool; None where each is compared with all others.
        unseen: Whether training has none of their classes.
        source: What to call the data.
        named: What to call the test image of a place.

    Raises:
        UserError: they are of one group, no two show the same, or the gallery has nothing for a query.
    """
    by = settings.retrieval_by
    if by == "group" and len(np.unique(kinds)) < 2:
        raise UserError(
            "eval.retrieval_by group needs a column group in data.table, with two groups or more among the test images"
        )
    if gallery is None:
        if not (np.unique(kinds[kinds >= 0], return_counts=True)[1] > 1).any():
            mend = "data.path must hold others" if unseen else "eval.retrieval must be [] here"
            raise UserError(f"{mend}: no two test images of {source} have one {by}")
        return
    lost = np.flatnonzero(~gallery & ~np.isin(kinds, kinds[gallery]))
    if len(lost):
        more = f", nor of {len(lost) - 1} more" if len(lost) > 1 else ""
        raise UserError(f"{source}: no gallery image has the {by} of the query {named(int(lost[0]))}{more}")
