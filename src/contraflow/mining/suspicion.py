"""Which candidates are suspected to show the same as their anchor: *false negatives*.

Labels never enter, so an image of the anchor's own class can only be suspected, but where labels say what a positive
is: then it is no candidate at all. Every function returns bool (A, C).
"""

import numpy as np

from contraflow.mining.search import Candidates


def nobody(candidates: Candidates) -> np.ndarray:
    """Nobody is suspected."""
    return np.zeros(candidates.other.shape, bool)


def topmost(candidates: Candidates, left_out: int) -> np.ndarray:
    """The nearest `left_out` (the inner bound of Ring's band, Wu et al. 2021, "Conditional Negative Sampling for
    Contrastive Learning of Visual Representations").
    """
    return candidates.there & (candidates.place < left_out)


def similar(candidates: Candidates, threshold: float) -> np.ndarray:
    """Those at least as similar as `threshold`, -1 to 1."""
    return candidates.there & (candidates.similarity >= threshold)


def above_positive(candidates: Candidates, positive: np.ndarray, margin: float) -> np.ndarray:
    """Those more similar than positive - |positive| * margin.

    The rule of Moreira et al. 2024, "NV-Retriever: Improving text embedding models with effective hard-negative mining"
    (TopK-PercPos), whose share of the positive is 1 - margin; the bars keep the bound below a negative positive.

    Args:
        positive: (A,) the anchors' similarity to their positives.
    """
    most = positive - np.abs(positive) * margin
    return candidates.there & (candidates.similarity > most[:, None])


def mutual(candidates: Candidates, lists: np.ndarray) -> np.ndarray:
    """Those that are among the anchor's nearest and have it among theirs.

    Args:
        lists: (N, top) the nearest of every row, -1 for none.
    """
    top = lists.shape[1]
    mine = candidates.other[:, :top]
    found = nobody(candidates)
    found[:, :top] = (mine >= 0) & (lists[mine] == candidates.anchor[:, None, None]).any(axis=2)
    return found


def same(candidates: Candidates, others: np.ndarray, suspected: np.ndarray) -> np.ndarray:
    """Those that are suspected among other rows of the same anchors.

    Args:
        others: Rows (A, T), -1 for none.
        suspected: bool (A, T).
    """
    anchor = np.arange(len(others))[:, None] << 32  # a number for each pair of anchor and row
    return candidates.there & np.isin(anchor + candidates.other, (anchor + others)[suspected])


def agreed_by_views(
    candidates: Candidates, views: np.ndarray, images: np.ndarray, *, top: int, threshold: float
) -> np.ndarray:
    """The `top` candidates nearest to any view of the anchor, as far as they are at least as similar as `threshold`.

    The rule of Huynh et al. 2022, "Boosting Contrastive Self-Supervised Learning with False Negative Cancellation"
    (section 3.2): the score of a candidate is its greatest similarity to several augmented views of the anchor.

    Args:
        views: (A, V, D) features of augmented views of the anchors, of length 1.
        images: (N, D) features of the images as they are, of length 1.
    """
    scores = np.einsum("avd,acd->avc", views, images[candidates.other]).max(axis=1)
    scores = np.where(candidates.there, scores, -np.inf)
    found = nobody(candidates)
    np.put_along_axis(found, np.argsort(-scores, axis=1, kind="stable")[:, :top], True, axis=1)
    return found & (scores >= threshold)
