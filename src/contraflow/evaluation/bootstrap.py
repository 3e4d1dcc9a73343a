"""How far an accuracy would move with other test images of the same kind: the percentile bootstrap (Efron & Tibshirani
1993, "An Introduction to the Bootstrap", chapter 13)."""

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95
SEED = 0


def interval(scores: np.ndarray) -> list[float]:
    """The middle 95 % of the means of `scores` (N,) over sets of N images drawn from these N with replacement.

    Images with equal scores can stand for each other, so all that is drawn is how many of each score there are: a
    multinomial, whatever N is.

    Args:
        scores: One an image: 1 or 0 for a class named rightly or not, or the share of several classifiers that did.

    Returns:
        Lower and upper end.
    """
    values, counts = np.unique(scores, return_counts=True)
    random = np.random.Generator(np.random.Philox(key=SEED))
    means = random.multinomial(len(scores), counts / len(scores), RESAMPLES) @ values / len(scores)
    return [float(end) for end in np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])]
