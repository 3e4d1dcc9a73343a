"""Pairs of texts that people have scored by how alike they are in meaning: do an encoder's cosines go with the scores?

The task is known as semantic textual similarity (Agirre et al. 2012, "SemEval-2012 Task 6"), measured by Spearman's
rank correlation (Reimers, Beyer, Gurevych 2016, "Task-Oriented Intrinsic Evaluation of Semantic Textual Similarity").
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, issparse

from contraflow.evaluation.results import DIGITS
from contraflow.foundations.errors import UserError
from contraflow.foundations.tables import read_table

SIDES, SCORE = ("text_1", "text_2"), "score"  # columns
FEWEST = 3  # pairs


@dataclass(frozen=True)
class Scored:
    """Pairs of texts with scores.

    Attributes:
        texts: The different ones.
        pairs: Of each pair the numbers of its texts, (P, 2) int64.
        scores: (P,) float64; what is larger is more alike.
    """

    texts: list[str]
    pairs: np.ndarray
    scores: np.ndarray


def read_scored(file: Path) -> Scored:
    """The pairs of a CSV file in UTF-8 with the columns `text_1`, `text_2` and `score`, in any order and with others
    beside them.

    Raises:
        UserError: there is no such file, a column is missing, a text empty, a score no number, there are fewer than
            `FEWEST` pairs, or all scores are one; file, column and the first such line are named.
    """
    header, rows, lines = read_table(file, must="eval.sts must be a CSV file", rows="pairs")
    wanted = [*SIDES, SCORE]
    for name in wanted:
        if header.count(name) != 1:
            how = "twice" if name in header else "not"
            raise UserError(f"{file} needs the columns {', '.join(wanted)} once each, and has {name} {how}")
    columns = {name: [row[header.index(name)].strip() for row in rows] for name in wanted}

    def require(name: str, allowed: Callable[[str], bool], rule: str) -> None:
        for value, line in zip(columns[name], lines, strict=True):
            if not allowed(value):
                raise UserError(f"{file}: {name} must {rule}, got {value!r} in line {line}")

    for name in SIDES:
        require(name, bool, "not be empty")
    require(SCORE, _is_number, "be a number")
    scores = np.array([float(score) for score in columns[SCORE]])
    if len(rows) < FEWEST:
        raise UserError(f"{file} must have at least {FEWEST} pairs, got {len(rows)}")
    if (scores == scores[0]).all():
        raise UserError(f"{file}: {SCORE} must not be the same in all lines, got {columns[SCORE][0]}")
    texts = list(dict.fromkeys(text for name in SIDES for text in columns[name]))
    number = {text: i for i, text in enumerate(texts)}
    return Scored(texts, np.array([[number[text] for text in columns[name]] for name in SIDES]).T, scores)


def cosines(vectors: np.ndarray | csr_matrix, pairs: np.ndarray) -> np.ndarray:
    """The cosine of each pair (P, 2) of vectors (N, D) of length 1: (P,), to `DIGITS`, so that rounding orders none."""
    first, second = (vectors[pairs[:, side]] for side in (0, 1))
    both = first.multiply(second) if issparse(vectors) else first * second
    return np.asarray(both.sum(1, dtype=np.float64)).ravel().round(DIGITS)


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        return math.isfinite(float(text))
    return False
