"""A search box over the test set that needs nothing but the page: its texts, and what each of them finds."""

from dataclasses import dataclass

import numpy as np

from contraflow.evaluation.said import Said
from contraflow.evaluation.settings import CAPTIONS
from contraflow.report.items import LONGEST, cut
from contraflow.report.run import Run

FOUND = 5  # of each text
TILE = 32  # pixels a side, at most, of an image
ROOM = 1_200_000  # bytes of a page, about, that all of it may take
IMAGE, ROW = 450, 45  # bytes, about, of an image, and of what a text finds


@dataclass(frozen=True)
class _Finds:
    """Texts (Q,) by their numbers, and the test items (Q, k) that each finds, the most similar first."""

    query: np.ndarray
    found: np.ndarray
    similarity: np.ndarray
    right: np.ndarray

    def take(self, rows: np.ndarray) -> "_Finds":
        return _Finds(*(each[rows] for each in vars(self).values()))


def search_box(run: Run) -> dict | None:
    """What is searched in; None where there are no texts, or nothing is measured that they find.

    How many `texts` (of those that are alone: queries) there are `of` all, of how many `letters` at most, `found` of
    each, whether in a `gallery` alone; the `seed`; the `sheet` of the images, or None; and the `data` of the script:
    `items`, the numbers of test images or the texts that are found, `texts` (of texts that are alone `query`, their
    places among `items`), and of each text `found`, places among `items`, `similarity` in thousandths, and which of
    these are `right`.
    """
    alone = run.card.items == "texts"
    every = _texts_alone(run) if alone else _beside_images(run)
    if every is None:
        return None
    own = run.data.texts["test"]
    texts = [cut(own[text]) for text in (np.arange(len(own)) if alone else Said.of(own).texts).tolist()]
    images = 0 if alone else run.card.test.images
    size = np.append(np.full(images, IMAGE), [len(text.encode()) for text in texts])
    finds = every.take(_fitting(np.column_stack([every.found, images + every.query]), size))
    by_length = sorted(range(len(finds.query)), key=lambda row: (len(text := texts[finds.query[row]]), text))
    finds = finds.take(np.array(by_length))  # what is typed whole comes first
    items = np.unique(np.append(finds.found, finds.query) if alone else finds.found)
    data = {
        "found": np.searchsorted(items, finds.found).tolist(),
        "similarity": np.rint(1000 * finds.similarity).astype(int).tolist(),
        "right": [np.flatnonzero(row).tolist() for row in finds.right],
    }
    if alone:
        data |= {"items": [texts[item] for item in items], "query": np.searchsorted(items, finds.query).tolist()}
    else:
        data |= {"items": items.tolist(), "texts": [texts[text] for text in finds.query]}
    return {
        "texts": len(finds.query),
        "of": len(every.query) if alone else len(texts),
        "letters": LONGEST,
        "found": finds.found.shape[1],
        "gallery": alone and run.data.gallery is not None,
        "seed": run.params.seeds[0],
        "sheet": None if alone else run.shown.sheet("test", items, TILE),
        "data": data,
    }


def _beside_images(run: Run) -> _Finds | None:
    """Texts of images find images, by the encoders of the first seed."""
    if CAPTIONS not in run.extras:
        return None
    finds = run.extras[CAPTIONS]["encoder"][run.params.seeds[0]].finds
    query, found = np.array(finds.query), np.array(finds.found)[:, :FOUND]
    right = Said.of(run.data.texts["test"]).right("text_to_image")
    marks = np.array([right[text].toarray()[0, near] for text, near in zip(query, found, strict=True)])
    return _Finds(query, found, np.array(finds.similarity)[:, :FOUND], marks)


def _texts_alone(run: Run) -> _Finds | None:
    """Texts find others, as queries of retrieval."""
    if run.ranking is None:
        return None
    ranking = run.ranking
    return _Finds(ranking.query, *(each[:, :FOUND] for each in (ranking.nearest, ranking.similarity, ranking.right)))


def _fitting(shown: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Rows for which there is room: all, or as many as a draw comes to.

    Args:
        shown: What each row puts on the page, (n, k), by the numbers of things, each of which is there once.
        size: Of each thing, in bytes.
    """
    order = np.random.default_rng(0).permutation(len(shown))
    things, first = np.unique(shown[order], return_index=True)
    added = np.bincount(first // shown.shape[1], weights=size[things], minlength=len(order)) + ROW
    return np.sort(order[: np.searchsorted(added.cumsum(), ROOM, side="right")])
