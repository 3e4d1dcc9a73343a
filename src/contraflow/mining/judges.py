"""Who judges which candidates are suspected: the encoder that is mined with, or a *guide*, another encoder.

The guide is that of Solatorio 2024, "GISTEmbed: Guided In-sample Selection of Training Negatives for Text Embedding
Fine-tuning". Here it goes by each rule that knows similarities, not by one alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from contraflow.foundations.shares import part_of
from contraflow.mining import suspicion
from contraflow.mining.positives import SimilarityToPositives
from contraflow.mining.search import Candidates, Search
from contraflow.mining.settings import Mining

Suspects = Callable[[Candidates, np.ndarray | None, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Guide:
    """What another encoder makes of the images that are mined.

    Attributes:
        features: (N, D) float32, of length 1.
        views: (A, V, D) features of augmented views of the anchors, of length 1; None where no rule asks for them.
    """

    features: np.ndarray
    views: np.ndarray | None = None

    def judged(self, candidates: Candidates) -> Candidates:
        """The same, as similar to their anchors as they are by the guide."""
        features = self.features
        alike = np.einsum("ad,acd->ac", features[candidates.anchor], features[candidates.other])
        return replace(candidates, similarity=np.where(candidates.there, alike, np.float32(-np.inf)))


def by_encoder(search: Search | None, settings: Mining, features: np.ndarray, at_a_time: int) -> Suspects:
    """The function that says which candidates are suspected; it is given views of their anchors, too, and how similar
    these are to their positives.

    Args:
        search: Among `features`; only `mutual` needs it.
        at_a_time: Rows that are searched for at a time.
    """
    name, top, threshold = settings.false_negatives, settings.fn_top, settings.fn_threshold
    if name == "views":
        suspects = partial(suspicion.agreed_by_views, images=features, top=top, threshold=threshold)
        return lambda candidates, views, _: suspects(candidates, views)
    if name == "relative":
        return lambda candidates, _, positive: suspicion.above_positive(candidates, positive, settings.fn_margin)
    if name == "rank":
        suspects = partial(suspicion.topmost, left_out=round(part_of(len(features), settings.fn_share)))
    elif name == "threshold":
        suspects = partial(suspicion.similar, threshold=threshold)
    elif name == "mutual":
        suspects = partial(suspicion.mutual, lists=search.lists(top, at_a_time))
    else:
        suspects = suspicion.nobody
    return lambda candidates, views, positive: suspects(candidates)


def by_guide(
    guide: Guide,
    search: Search | None,
    settings: Mining,
    to_positives: SimilarityToPositives,
    anchors: range,
    at_a_time: int,
) -> Suspects:
    """The same by the features, views and positives of a guide: what the function is told of the encoder's is not used.

    Args:
        search: Among the guide's features; only `mutual` needs it.
        to_positives: How similar anchors are to their positives by the guide.
        anchors: The rows that `guide.views` are of.
    """
    suspects = by_encoder(search, settings, guide.features, at_a_time)

    def judge(candidates: Candidates, *_: object) -> np.ndarray:
        rows, nobody_asks = candidates.anchor, np.empty(0)
        if settings.false_negatives == "mutual":
            nearest = search.candidates(rows, settings.fn_top)
            return suspicion.same(candidates, nearest.other, suspects(nearest, None, nobody_asks))
        seen = None if guide.views is None else guide.views[(rows - anchors.start) // anchors.step]
        relative = settings.false_negatives == "relative"
        return suspects(guide.judged(candidates), seen, to_positives(rows, seen) if relative else nobody_asks)

    return judge
