"""Retrieval: the queries that find worst, each with what it finds, and recall by the size of the class or group."""

import numpy as np

from contraflow.pages.numbers import count, times
from contraflow.report.run import Run
from contraflow.report.summary import accuracies, names
from contraflow.statistics import spread


def queries(run: Run) -> dict | None:
    """What the first seed's encoder finds; None where retrieval is not measured.

    `seed`, `count` of the queries, how many images each is compared `among`, `at_once` (the share whose nearest is
    right), `measure` (the name of the first recall) and that `by_size`, a table with a column a representation;
    and the `worst` queries, the worst first: picture, class, index, rank of the `first` right one, and their `nearest`
    (picture, class, index, similarity, whether `right`).
    """
    if run.ranking is None:
        return None
    gallery = run.data.gallery
    others = times(len(run.labels) - 1, "other")
    recall = next(measure for measure in accuracies(run) if measure.key.startswith("recall@"))
    return {
        "seed": run.params.seeds[0],
        "count": len(run.ranking.query),
        "among": others if gallery is None else f"{count(int(gallery.sum()))} of the gallery",
        "at_once": float((run.ranking.first == 1).mean()),
        "measure": recall.name,
        "by_size": _by_size(run, recall.key),
        "worst": _worst(run),
    }


def _by_size(run: Run, key: str) -> dict:
    """A row for as many right others as from one power of two to the next, as far as there are queries that have so
    many."""
    relevant = run.ranking.relevant
    power = np.frexp(relevant)[1]
    rows = []
    for members in (power == each for each in np.unique(power)):
        least, most = relevant[members].min(), relevant[members].max()
        cells = [
            spread([float(evaluation.right[key].scores()[members].mean()) for evaluation in by_seed.values()])
            for by_seed in run.evaluations.values()
            if by_seed
        ]
        name = count(least) if least == most else f"{count(least)} to {count(most)}"
        rows.append({"name": name, "note": times(int(members.sum()), "query", "queries"), "cells": cells})
    columns = [{"name": names(run)[name], "note": ""} for name, by_seed in run.evaluations.items() if by_seed]
    return {"columns": columns, "rows": rows}


def _worst(run: Run) -> list[dict]:
    found = run.ranking
    rows = found.worst(run.params.report.gallery_anchors)
    indices = np.column_stack([found.query[rows], found.nearest[rows]])
    shown = [
        item | {"index": index, "class": run.classes[run.labels[index]]}
        for item, index in zip(run.shown.each("test", indices.ravel()), indices.ravel().tolist(), strict=True)
    ]
    each = indices.shape[1]
    worst = []
    for place, row in enumerate(rows):
        own, *others = shown[place * each : (place + 1) * each]
        marks = zip(others, found.similarity[row].tolist(), found.right[row].tolist(), strict=True)
        nearest = [other | {"similarity": similarity, "right": right} for other, similarity, right in marks]
        worst.append(own | {"first": int(found.first[row]), "nearest": nearest})
    return worst
