"""A few pairs of test images that are near each other, for showing which regions make them so."""

import numpy as np
import torch

from contraflow.foundations.arrays import evenly
from contraflow.neighbours.bank import Bank, unit
from contraflow.neighbours.ranking import Pairs, Ranking

TYPICAL, WORST = 6, 6


def choose_pairs(features: np.ndarray, ranking: Ranking | None, device: torch.device) -> Pairs:
    """Images evenly spaced over the test images, or over their queries where retrieval is measured, and then also the
    worst queries, each with its nearest other.

    Args:
        features: Of all test images, (N, D).
        ranking: What the queries found; None where each image is to be compared with all others.
    """
    if ranking is not None:
        typical, worst = evenly(len(ranking.query), TYPICAL), ranking.worst(WORST)
        rows = np.concatenate([typical, worst[~np.isin(worst, typical)]])
        if not ranking.nearest.shape[1]:
            rows = rows[:0]
        pair = np.column_stack([ranking.query[rows], ranking.nearest[rows, :1]])
        return Pairs(pair, ranking.similarity[rows, :1].reshape(-1), np.isin(rows, worst))
    vectors = unit(features)
    query = evenly(len(vectors), TYPICAL) if len(vectors) > 1 else np.empty(0, np.int64)
    if not len(query):
        return Pairs(np.empty((0, 2), np.int64), np.empty(0, np.float32), np.empty(0, bool))
    cosine, index = Bank(vectors, device=device).nearest(vectors[query], 2)  # one may be the image itself
    other = (index[:, 0] == query).astype(np.int64)
    pair = np.column_stack([query, index[np.arange(len(query)), other]])
    return Pairs(pair, cosine[np.arange(len(query)), other], np.zeros(len(query), bool))
