"""A search box over the test set that needs nothing but the page: its texts, and what each of them finds."""

from dataclasses import dataclass

import numpy as np

from contraflow.evaluation.said import Said
from contraflow.report.items import cut
from contraflow.report.run import Run

FOUND = 5  # of each text
MOST = {"images": 1000, "texts": 5000}  # that are shown, so that the page grows by a megabyte at most
TILE = 32  # pixels a side, at most, of an image


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

    How many `texts` there are `of` all, `found` of each; the `seed`; the `sheet` of the images, or None; and the `data`
    of the script: `items`, the numbers of test images or the texts that are found, `texts` (of texts that are alone
    `query`, their places among `items`), and of each text `found`, places among `items`, `similarity` and `right`.
    """
    alone = run.card.items == "texts"
    every = _texts_alone(run) if alone else _beside_images(run)
    if every is None:
        return None
    shown = np.column_stack([every.query, every.found]) if alone else every.found
    finds = every.take(_few(shown, MOST[run.card.items]))
    own = run.data.texts["test"]
    place = every.query if alone else Said.of(own).texts  # of each text that could be asked for, or each different one
    said = [cut(own[text]) for text in (finds.query if alone else place[finds.query]).tolist()]
    order = sorted(range(len(said)), key=lambda i: (len(said[i]), said[i]))  # what is typed whole comes first
    finds, said = finds.take(np.array(order)), [said[i] for i in order]
    items = np.unique(np.append(finds.found, finds.query) if alone else finds.found)
    data = {
        "found": np.searchsorted(items, finds.found).tolist(),
        "similarity": [[round(float(each), 3) for each in row] for row in finds.similarity],
        "right": finds.right.astype(int).tolist(),
    }
    if alone:
        data |= {"items": [cut(own[item]) for item in items], "query": np.searchsorted(items, finds.query).tolist()}
    else:
        data |= {"items": items.tolist(), "texts": said}
    return {
        "texts": len(said),
        "of": len(place),
        "found": finds.found.shape[1],
        "seed": run.params.seeds[0],
        "sheet": None if alone else run.shown.sheet("test", items, TILE),
        "data": data,
    }


def _beside_images(run: Run) -> _Finds | None:
    """Texts of images find images, by the encoders of the first seed."""
    if "captions" not in run.extras:
        return None
    finds = run.extras["captions"]["encoder"][run.params.seeds[0]].finds
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


def _few(shown: np.ndarray, most: int) -> np.ndarray:
    """Rows of those (n, k) that name at most so many different ones together: all, or as many as a draw comes to."""
    seen: set[int] = set()
    for count, row in enumerate(order := np.random.default_rng(0).permutation(len(shown))):
        seen.update(shown[row].tolist())
        if len(seen) > most:
            return np.sort(order[:count])
    return np.arange(len(shown))
