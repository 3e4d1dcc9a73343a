"""The losses in which a view predicts how others are spread over prototypes: SwAV's and DINO's."""

import torch
from torch import Tensor

from contraflow.losses.comparison import exact


def sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Assignments of images to prototypes of which each gets an equal share, by their scores (N, K).

    Caron et al. 2020, "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments", section 3.1: of
    all assignments with equal shares, that of most score and `epsilon` times entropy is diag(u) exp(scores / epsilon)
    diag(v) (equations 3 and 5). Sinkhorn and Knopp's iterations find u and v: they scale prototypes to equal shares and
    then images to 1, in turn. Here in logarithms, which no epsilon makes overflow.

    Args:
        epsilon: Greater than 0; the smaller, the harder the assignments.
        iterations: At least 1; the more, the nearer the shares are to N / K.

    Returns:
        (N, K), from 0 to 1. Rows add up to 1.
    """
    with torch.autocast(scores.device.type, enabled=False):
        log = exact(scores) / epsilon
        for _ in range(iterations):
            log = log.log_softmax(0)
            log = log.log_softmax(1)
        return log.exp()


def sharpened(scores: Tensor, centre: Tensor, tau: float) -> Tensor:
    """Softmax of scores (..., K) less their centre (K,) at the temperature `tau`.

    Caron et al. 2021, "Emerging Properties in Self-Supervised Vision Transformers", equation 1 and section 3.1: without
    the centre one output could win everywhere, without a low temperature all could be alike everywhere.
    """
    with torch.autocast(scores.device.type, enabled=False):
        return ((exact(scores) - centre) / tau).softmax(-1)


def predict_others(targets: Tensor, scores: Tensor, tau: float) -> Tensor:
    """Mean cross-entropy of each target with the prediction of every other view.

    Caron et al. 2020, equations 1, 2 and 6, and Caron et al. 2021, equation 3: views predict by a softmax at the
    temperature `tau`.

    Args:
        targets: What the first T views are to predict of each other, and further views of them: distributions over K
            prototypes, (T, N, K).
        scores: Of all V views, at least two, the first T the same as those of the targets, (V, N, K).
        tau: Greater than 0.

    Returns:
        A scalar, at least 0; log K where all predictions are uniform.
    """
    with torch.autocast(scores.device.type, enabled=False):
        predictions = (exact(scores) / tau).log_softmax(-1)
        costs = -torch.einsum("tnk,vnk->tv", targets, predictions) / scores.shape[1]
        return (costs.sum() - costs.diagonal().sum()) / (len(targets) * (len(scores) - 1))
