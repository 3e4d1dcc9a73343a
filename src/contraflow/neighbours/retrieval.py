"""Are an image's nearest others of its kind? Recall@k, R-precision and MAP@R."""

from collections.abc import Sequence

import numpy as np
import torch

from contraflow.neighbours.bank import Bank, unit
from contraflow.neighbours.knn import Labelled

FOUND = 2**24  # neighbours held at a time


def retrieval_scores(images: Labelled, ks: Sequence[int], *, device: torch.device) -> dict[str, np.ndarray]:
    """Scores of each image as a query among all the others, which it is compared with by cosine; exact.

    With R the number of others of the query's label: `recall@k` is 1 where one of them is among the k nearest, else 0;
    `r_precision` is their share of the R nearest; `map@r` is the mean over the ranks 1 to R of the share of them up to
    that rank, where there is one, else 0 (Musgrave, Belongie, Lim 2020, "A Metric Learning Reality Check", section
    4.2). Of equally similar images the earlier one comes first.

    Args:
        images: Each with a label, -1 for none. Who has none is neither query nor found; who is alone with its label
            is found and is no query.
        ks: Of recall, at least 1; more than there are others means all.

    Returns:
        By name, (Q,) float64, 0 to 1, in the order of the images; Q is 0 where no label occurs twice.
    """
    known = images[np.flatnonzero(images.labels >= 0)]
    _, label, count = np.unique(known.labels, return_inverse=True, return_counts=True)
    others = count[label] - 1
    queries = np.flatnonzero(others)
    scores = {name: np.zeros(len(queries)) for name in [*(f"recall@{k}" for k in ks), "r_precision", "map@r"]}
    if not len(queries):
        return scores
    vectors = unit(known.features)
    bank, most = Bank(vectors, device=device), min(int(max(others.max(), *ks)), len(label) - 1)
    step = max(1, FOUND // (most + 1))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        query = queries[rows]
        _, index = bank.nearest(vectors[query], most + 1)
        itself = index == query[:, None]
        itself[~itself.any(1), -1] = True  # where as many equal it, the last one goes
        right = label[index[~itself].reshape(len(query), most)] == label[query][:, None]
        for k in ks:
            scores[f"recall@{k}"][rows] = right[:, :k].any(1)
        rank = np.arange(1, most + 1)
        hits = right & (rank <= others[query][:, None])
        scores["r_precision"][rows] = hits.sum(1) / others[query]
        scores["map@r"][rows] = (hits * hits.cumsum(1) / rank).sum(1) / others[query]
    return scores
