"""Galleries: images of the data, what the model sees of them, what the probe mistakes, and mined negatives."""

from functools import partial

import numpy as np

from contraflow.foundations.arrays import drawn, evenly
from contraflow.pages.pictures import sprite
from contraflow.report.run import Run
from contraflow.report.shown import read_views

MOST_CLASSES = 30
EACH_CLASS = 8
ALL_CLASSES = 24
VIEWED = 6  # images whose augmented views are shown
VIEWED_EPOCHS = 3
MOST_NEGATIVES = 10  # shown of each anchor


def choose_samples(candidates: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Which images stand for the data: indices, some of every class, the same in every run.

    Args:
        candidates: Indices of the training images.
        labels: Classes of all images, -1 where unlabelled.
        classes: How many there are, 0 when unlabelled.
    """
    rng = np.random.default_rng(0)
    pools = [candidates[labels[candidates] == c] for c in range(min(classes, MOST_CLASSES))] or [candidates]
    return np.concatenate([drawn(pool, EACH_CLASS if classes else ALL_CLASSES, rng) for pool in pools])


def _chosen(run: Run) -> np.ndarray:
    """Indices of the training images that stand for the data of a run."""
    return choose_samples(run.data.training, run.data.labels("train"), len(run.classes))


def samples(run: Run) -> list[dict]:
    """Strips of images, one a class: `name` (None when unlabelled), `train` and `test` counts, and the strip."""
    chosen, strip = _chosen(run), partial(run.shown.strip, "train")
    if not run.classes:
        return [{"name": None, **strip(row)} for row in np.split(chosen, range(EACH_CLASS, len(chosen), EACH_CLASS))]
    labels = run.data.labels("train")[chosen]
    train, test = run.card.train.per_class, run.card.test.per_class
    return [
        {"name": name, "train": train[c], "test": test[c], **strip(chosen[labels == c])}
        for c, name in enumerate(run.classes[:MOST_CLASSES])
        if (labels == c).any()
    ]


def views(run: Run) -> list[dict]:
    """Of some of the images that stand for the data the views from which the first seed learns in its first epochs.

    One entry an image: `own`, `epochs` (its views of each epoch) and `local` (small crops of the first or None), all
    strips. None of texts, whose views differ inside of the encoder.
    """
    if run.card.items == "texts":
        return []
    samples = _chosen(run)
    chosen = samples[evenly(len(samples), VIEWED)]  # so of several classes
    augment, size = run.params.augment.chosen(), run.card.image_size
    read = partial(read_views, run.data.train_beton, chosen, seed=run.params.seeds[0])
    recipes, epochs = augment.whole(), range(min(run.params.all_epochs, VIEWED_EPOCHS))
    whole = [read(recipes, epoch=epoch, size=size) for epoch in epochs]
    local = read(augment.local(), epoch=0, size=augment.local_pixels(size), first=len(recipes))
    return [
        {
            "own": sprite(image[None]),
            "epochs": [sprite(epoch[:, row]) for epoch in whole],
            "local": sprite(local[:, row]) if len(local) else None,
        }
        for row, image in enumerate(run.shown.images("train", chosen))
    ]


def mined(run: Run) -> dict | None:
    """Some anchors with their mined negatives; None without mining.

    `seed`, `round`, `suspected` (candidates of an anchor that were left out as suspected false negatives, on average)
    and `anchors`: picture, class and `negatives` (picture, class, similarity, rank, `same`: of its class).
    """
    if run.mined is None:
        return None
    arrays, made_from = run.mined.arrays, run.mined.made_from
    rows = drawn(np.arange(len(arrays["anchor"])), run.params.report.gallery_anchors)
    negative, similarity, rank = (arrays[name][rows, :MOST_NEGATIVES] for name in ("negative", "similarity", "rank"))
    indices = np.column_stack([arrays["anchor"][rows], np.where(negative < 0, arrays["anchor"][rows, None], negative)])
    labels = run.data.labels("train")[indices]
    names = [run.classes[label] if label >= 0 else None for label in labels.flat]
    own = run.shown.each("train", indices.ravel())
    shown = [each | {"class": name} for each, name in zip(own, names, strict=True)]
    anchors = []
    for i in range(len(rows)):
        own, *others = shown[i * indices.shape[1] : (i + 1) * indices.shape[1]]
        same = (labels[i, 1:] == labels[i, 0]) & (labels[i, 1:] >= 0)
        columns = zip(others, similarity[i].tolist(), rank[i].tolist(), same.tolist(), strict=True)
        negatives = [other | {"similarity": s, "rank": r, "same": is_same} for other, s, r, is_same in columns]
        negatives = negatives[: (negative[i] >= 0).sum()]  # of an anchor that was left short what there is
        anchors.append(own | {"negatives": negatives})
    suspected = float(arrays["suspected"].mean())
    return {"seed": made_from.seed, "round": made_from.round, "suspected": suspected, "anchors": anchors}
