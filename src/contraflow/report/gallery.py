"""Galleries: images of the data, what the model sees of them, what the probe mistakes, and mined negatives."""

import numpy as np

from contraflow.foundations.arrays import evenly
from contraflow.pages.pictures import picture, sprite
from contraflow.report.run import Mined, Run

MOST_CLASSES = 30
EACH_CLASS = 8
UNLABELLED = 24
VIEWED = 6  # images whose augmented views are shown
VIEWED_EPOCHS = 3
EACH_PAIR = 8  # mistaken images of two classes
MOST_NEGATIVES = 10  # shown of each anchor


def drawn(pool: np.ndarray, most: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """At most so many of a pool, sorted; without a generator the same in every run."""
    rng = rng or np.random.default_rng(0)
    return np.sort(rng.choice(pool, min(most, len(pool)), replace=False))


def choose_samples(candidates: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Which images stand for the data: indices, some of every class, the same in every run.

    Args:
        candidates: Indices of the training images.
        labels: Classes of all images, -1 where unlabelled.
        classes: How many there are, 0 when unlabelled.
    """
    rng = np.random.default_rng(0)
    pools = [candidates[labels[candidates] == c] for c in range(min(classes, MOST_CLASSES))] or [candidates]
    return np.concatenate([drawn(pool, EACH_CLASS if classes else UNLABELLED, rng) for pool in pools])


def choose_viewed(samples: np.ndarray) -> np.ndarray:
    """Of the images that stand for the data those whose views are shown: evenly spaced, so of several classes."""
    return samples[evenly(len(samples), VIEWED)]


def choose_mistaken(labels: np.ndarray, predicted: np.ndarray, actual: int, taken_for: int) -> np.ndarray:
    """Indices of some test images of class `actual` that are taken for another, the same in every run."""
    return drawn(np.flatnonzero((labels == actual) & (predicted == taken_for)), EACH_PAIR)


def samples(run: Run) -> list[dict]:
    """Strips of images, one a class: `name` (None when unlabelled), `train` and `test` counts, and the strip."""
    images, labels = run.samples.images, run.samples.labels
    if not run.classes:
        return [{"name": None, **sprite(row)} for row in np.split(images, range(EACH_CLASS, len(images), EACH_CLASS))]
    train, test = run.card.train.per_class, run.card.test.per_class
    return [
        {"name": name, "train": train[c], "test": test[c], **sprite(images[labels == c])}
        for c, name in enumerate(run.classes[:MOST_CLASSES])
        if (labels == c).any()
    ]


def views(run: Run) -> list[dict]:
    """One entry an image: `own`, `epochs` (its views of each epoch) and `local` (small crops or None), all strips."""
    seen = run.views
    return [
        {
            "own": sprite(seen.images[row : row + 1]),
            "epochs": [sprite(epoch[:, row]) for epoch in seen.whole],
            "local": sprite(seen.local[:, row]) if len(seen.local) else None,
        }
        for row in range(len(seen.images))
    ]


def mistaken(run: Run) -> list[dict]:
    """One entry a pair of classes: their names, share and a strip (None where the first seed confuses no image)."""
    return [
        {
            "actual": run.classes[pair.actual],
            "predicted": run.classes[pair.predicted],
            "share": pair.share,
            "strip": sprite(pair.images) if len(pair.images) else None,
        }
        for pair in run.mistaken
    ]


def anchors(run: Run) -> list[dict]:
    """One entry an anchor: picture, class and `negatives` (picture, class, similarity, rank, `same`: of its class)."""
    mined = run.mined
    if mined is None:
        return []
    return [_anchor(mined, row, run.classes) for row in range(len(mined.anchors))]


def _anchor(mined: Mined, row: int, classes: list[str]) -> dict:
    own = mined.anchor_labels[row]
    negatives = [
        {
            **picture(mined.negatives[row, place]),
            "class": _name(mined.negative_labels[row, place], classes),
            "similarity": float(mined.similarity[row, place]),
            "rank": int(mined.rank[row, place]),
            "same": bool(own >= 0 and mined.negative_labels[row, place] == own),
        }
        for place in range(mined.negatives.shape[1])
    ]
    return {**picture(mined.anchors[row]), "class": _name(own, classes), "negatives": negatives}


def _name(label: int, classes: list[str]) -> str | None:
    return classes[label] if label >= 0 else None
