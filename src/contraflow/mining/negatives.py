"""A mining pass: candidates, then suspicion, then choice, some anchors at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from contraflow.config import Mining
from contraflow.errors import UserError
from contraflow.mining import policies, suspicion
from contraflow.mining.control import random_others
from contraflow.mining.search import Candidates, Search
from contraflow.neighbours import CPU
from contraflow.progress import track

ANCHORS = 512  # taken at a time, which bounds the memory
NOT_RANKED = 0


@dataclass(frozen=True)
class Negatives:
    """Hard negatives of every image, as row numbers into the features that they were mined from.

    Attributes:
        negative: (N, k) int64, from the most to the least similar.
        similarity: (N, k) float32, cosine.
        rank: (N, k) int64, 1 for the nearest other outside of the window; 0 for one drawn from all images.
        suspected: Candidates of an anchor that were suspected to be false negatives, on average.
        search: `exact` or `ivf`.
        recall: Share of the exact candidates that the search finds, on a sample; 1 for an exact one.
    """

    negative: np.ndarray
    similarity: np.ndarray
    rank: np.ndarray
    suspected: float
    search: str
    recall: float


def mine_negatives(
    features: np.ndarray,
    position: np.ndarray,
    settings: Mining,
    *,
    seed: int,
    number: int,
    window: int = 0,
    views: np.ndarray | None = None,
    device: torch.device = CPU,
    threads: int = 1,
) -> Negatives:
    """Choose `settings.k` hard negatives for each row of `features`.

    Args:
        features: (N, D) float32, finite.
        position: (N,) place of each row in the data.
        settings: The section `mining` of the parameters.
        number: Of the round.
        window: Rows within so many places of the anchor are none of its negatives.
        views: (V, N, D) features of augmented views, where `settings.false_negatives` is `views`.
        device: Where an exact search computes.
        threads: CPU threads of an approximate search.

    Raises:
        UserError: fewer than `settings.k` others of some image are left.
    """
    n, k = len(features), settings.k
    search = Search(
        features,
        position,
        window=window,
        count=settings.candidates,
        exact_up_to=settings.exact_up_to,
        device=device,
        threads=threads,
    )
    unit = _unit(features)
    blocks = [np.arange(start, min(start + ANCHORS, n)) for start in range(0, n, ANCHORS)]
    suspects = _suspicion(search, settings, unit, views, blocks)
    negative, similarity = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    rank, suspected = np.full((n, k), NOT_RANKED), 0
    label = f"search seed {seed} · round {number}"
    for rows in track(blocks, total=len(blocks), label=label, unit=f"times {ANCHORS} images"):
        candidates = search.candidates(rows)
        barred = suspects(candidates)
        suspected += int(barred.sum())
        if settings.policy == "random":
            draws = _generators(seed, number, rows)
            others = random_others(candidates, barred, k, position=position, window=window, draws=draws)
            _refuse_too_few((others >= 0).sum(axis=1), candidates, barred, n, settings)
            alike = np.einsum("ad,akd->ak", unit[rows], unit[others])
            order = np.lexsort((others, -alike), axis=1)
            negative[rows], similarity[rows] = (np.take_along_axis(part, order, 1) for part in (others, alike))
        else:
            score = _scores(candidates, partial(_noise, seed, number, rows), settings, n)
            score = np.where(candidates.there & ~barred, score, -np.inf)
            _refuse_too_few((score > -np.inf).sum(axis=1), candidates, barred, n, settings)
            places = policies.take_highest(score, k)
            negative[rows] = np.take_along_axis(candidates.other, places, 1)
            similarity[rows] = np.take_along_axis(candidates.similarity, places, 1)
            rank[rows] = places + 1
    return Negatives(negative, similarity, rank, suspected / n, search.kind, search.recall)


def _suspicion(
    search: Search, settings: Mining, unit: np.ndarray, views: np.ndarray | None, blocks: list[np.ndarray]
) -> Callable[[Candidates], np.ndarray]:
    """The function that says which candidates are suspected."""
    name = settings.false_negatives
    if name == "rank":
        return partial(suspicion.nearest, left_out=round(settings.fn_share * len(unit)))
    if name == "threshold":
        return partial(suspicion.similar, threshold=settings.fn_threshold)
    if name == "mutual":
        lists = np.concatenate([search.candidates(rows, settings.fn_top).other.astype(np.int32) for rows in blocks])
        return partial(suspicion.mutual, lists=lists)
    if name == "views":
        features = np.stack([_unit(view) for view in views])
        top, threshold = settings.fn_top, settings.fn_threshold
        return partial(suspicion.agreed_by_views, views=features, images=unit, top=top, threshold=threshold)
    return suspicion.nobody


def _scores(candidates: Candidates, noise: Callable[[int], np.ndarray], settings: Mining, n: int) -> np.ndarray:
    """By the policy, (A, C)."""
    if settings.policy == "hardest":
        return policies.hardest(candidates)
    drawn = noise(candidates.other.shape[1])
    if settings.policy == "semi_hard":
        return policies.semi_hard(candidates, drawn, *(round(share * n) for share in settings.band))
    if settings.policy == "margin":
        return policies.within_margin(candidates, drawn, *settings.margin)
    return policies.weighted(candidates, drawn, settings.tau)


def _generators(seed: int, number: int, rows: np.ndarray) -> list[np.random.Generator]:
    """One for each anchor, by its row: what it draws does not depend on who is taken together with it."""
    bits = (np.random.Philox(key=[seed, number], counter=[0, 0, row, 1]) for row in rows.tolist())
    return [np.random.Generator(bit) for bit in bits]


def _noise(seed: int, number: int, rows: np.ndarray, count: int) -> np.ndarray:
    """Uniform numbers between 0 and 1, (A, count)."""
    # 2^-54 more than what is drawn, which may be 0: its logarithm is taken
    return np.array([draw.random(count) for draw in _generators(seed, number, rows)]) + 2.0**-54


def _refuse_too_few(left: np.ndarray, candidates: Candidates, barred: np.ndarray, n: int, settings: Mining) -> None:
    """Refuse to mine where some anchor has fewer negatives left (A,) than are wanted."""
    worst = int(left.argmin())
    if left[worst] >= settings.k:
        return
    image = candidates.anchor[worst]
    raise UserError(
        f"mining.k must be at most {left[worst]} here, got {settings.k}: training image {image} has "
        f"{candidates.there[worst].sum()} candidates among {n} images, of which mining.false_negatives "
        f"{settings.false_negatives} suspects {barred[worst].sum()}, and mining.policy {settings.policy} takes from "
        f"{left[worst]}; raise mining.candidates (now {settings.candidates}) or change their settings"
    )


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.float32(1e-12))
