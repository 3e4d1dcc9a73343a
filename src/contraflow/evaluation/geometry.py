"""How features lie on the unit sphere (Wang & Isola 2020, "Understanding Contrastive Representation Learning through
Alignment and Uniformity on the Hypersphere")."""

import math

import numpy as np
import torch
from torch import Tensor

from contraflow.neighbours.bank import CPU, unit

ALIGNED = 2_000  # test images at most whose views are compared
SPREAD = 10_000  # test images at most whose features are compared, each with each
ROWS = 1024
BINS = 80  # of cosines, equal ones from -1 to 1; the last includes 1


def alignment(first: np.ndarray, second: np.ndarray) -> float:
    """Mean squared distance between the two views of an image, after normalisation to length 1.

    Args:
        first: Features of one view of each image, (N, D).
        second: Features of the other view of the same images, (N, D).

    Returns:
        0 (views of an image coincide) to 4.
    """
    distance = (_unit(first) - _unit(second)).square().sum(dim=1)
    return float(distance.mean(dtype=torch.float64))


def uniformity(features: np.ndarray, *, t: float = 2.0, device: torch.device = CPU, rows: int = ROWS) -> float:
    """Logarithm of the mean of exp(-t * squared distance) over all pairs of different images, at length 1.

    Args:
        features: Shape (N, D), N at least 2.
        t: Sharpness of the Gaussian potential.
        device: Where to compute.
        rows: Images compared with all others at a time, which bounds the memory.

    Returns:
        0 (all features coincide) down to -4 t; about -2 t where they are spread evenly in many dimensions.
    """
    points = _unit(features).to(device)
    length = points.square().sum(dim=1)  # 1, or 0 for a vector of zeros
    total = 0.0
    for start in range(0, len(points), rows):
        block, later = points[start : start + rows], points[start:]
        squared = length[start : start + rows, None] + length[start:] - 2 * block @ later.T
        potential = torch.exp(-t * squared.clamp(min=0))
        total += float(potential.triu(diagonal=1).sum(dtype=torch.float64))  # each pair once, none with itself
    return math.log(total / (len(points) * (len(points) - 1) / 2))


def similarity_counts(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> dict[str, list[int]]:
    """Pairs of a first and a second view, counted by their cosine similarity in `BINS` bins.

    Args:
        first, second: As for `alignment`.
        labels: Classes of the images, (N,), -1 where unlabelled.

    Returns:
        `positive`: the N pairs of one image; `negative`: the N(N-1) pairs of different images; where any two images
        have labels, `same_class` and `other_class`: the negative pairs of which both have one.
    """
    places = ((_unit(first) @ _unit(second).T + 1) * (BINS / 2)).long().clamp(0, BINS - 1).numpy()
    others = ~np.eye(len(places), dtype=bool)
    groups = {"positive": ~others, "negative": others}
    labelled = labels >= 0
    known = others & labelled[:, None] & labelled
    if known.any():
        same = labels[:, None] == labels
        groups |= {"same_class": known & same, "other_class": known & ~same}
    return {name: np.bincount(places[chosen], minlength=BINS).tolist() for name, chosen in groups.items()}


def _unit(features: np.ndarray) -> Tensor:
    return torch.from_numpy(unit(features))
