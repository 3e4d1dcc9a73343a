"""How alike views are: cosine similarities of two views of one image, and of views of different images."""

import numpy as np
import torch
from torch.nn import functional

BINS = 80  # equal ones from -1 to 1; the last includes 1


def similarity_counts(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> dict[str, list[int]]:
    """Pairs of a first and a second view, counted by their cosine similarity in `BINS` bins.

    Args:
        first: Features of one view of each image, (N, D).
        second: Features of the other view of the same images, (N, D).
        labels: Their classes, (N,), -1 where unlabelled.

    Returns:
        `positive`: the N pairs of one image; `negative`: the N(N-1) pairs of different images; where any two images
        have labels, `same_class` and `other_class`: the negative pairs of which both have one.
    """
    a, b = (functional.normalize(torch.from_numpy(np.ascontiguousarray(x, np.float32))) for x in (first, second))
    places = ((a @ b.T + 1) * (BINS / 2)).long().clamp(0, BINS - 1).numpy()
    others = ~np.eye(len(places), dtype=bool)
    groups = {"positive": ~others, "negative": others}
    labelled = labels >= 0
    known = others & labelled[:, None] & labelled
    if known.any():
        same = labels[:, None] == labels
        groups |= {"same_class": known & same, "other_class": known & ~same}
    return {name: np.bincount(places[chosen], minlength=BINS).tolist() for name, chosen in groups.items()}
