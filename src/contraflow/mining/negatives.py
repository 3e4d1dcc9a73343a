"""A mining pass: candidates, then suspicion, then choice, some anchors at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from contraflow.encoded.kin import Kin
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import track
from contraflow.foundations.shares import part_of
from contraflow.mining import policies
from contraflow.mining.judges import Guide, by_encoder, by_guide
from contraflow.mining.positives import similarity_to_positives
from contraflow.mining.search import Candidates, Search
from contraflow.mining.settings import Mining
from contraflow.neighbours.bank import BANK_ROWS, CPU

NOT_RANKED, NONE = 0, -1
ANCHORS = 2048  # at a time, at most: work for many threads
CANDIDATE = 128  # bytes that search, suspicion and choice take for each candidate, about


@dataclass(frozen=True)
class MinedNegatives:
    """Hard negatives of A anchors, as row numbers into the N features that they were mined from.

    Attributes:
        negative: (A, k) int32, from the most to the least similar; -1 behind them where an anchor is left short.
        similarity: (A, k) float32, cosine; not a number where there is no negative.
        positive: Similarity of each anchor to its positives, (A,) float32.
        rank: (A, k) int32, 1 for the nearest that is not kin; 0 for one drawn from all images.
        known: How many others of each anchor were left out as no negatives of it, though as near, (A,) int32.
        suspected: How many candidates of each anchor were suspected to be false negatives, (A,) int32.
        search: `exact` or `ivf`.
        recall: Share of the exact candidates that the search finds, on a sample; 1 for an exact one.
    """

    negative: np.ndarray
    similarity: np.ndarray
    rank: np.ndarray
    positive: np.ndarray
    known: np.ndarray
    suspected: np.ndarray
    search: str
    recall: float


def mine_negatives(
    features: np.ndarray,
    apart: Sequence[Kin],
    settings: Mining,
    *,
    seed: int,
    number: int,
    kin: Kin | None = None,
    anchors: range | None = None,
    views: np.ndarray | None = None,
    guide: Guide | None = None,
    texts: np.ndarray | None = None,
    device: torch.device = CPU,
    threads: int = 1,
    beside: Path | None = None,
) -> MinedNegatives:
    """Choose `settings.k` hard negatives for rows of `features`.

    Neither how many anchors `settings.memory_mb` lets be taken at a time nor which they are changes what comes out.

    Args:
        features, apart, texts, device, beside: As for `Search`.
        number: Of the round.
        anchors: The rows to choose for; all by default.
        kin: Which rows are known to be each other's positives.
        views: (A, V, D) features of augmented views of the anchors, or of their texts, of length 1; None where
            `settings.false_negatives` is not `views` and all anchors have known positives.
        guide: Says in place of the features who is suspected; who is a candidate and who is hard they say all the same.
        threads: CPU threads of an approximate search.

    Raises:
        UserError: fewer than `settings.k` others of some image are left, and not because they are too near by
            comparison with its positives, which is for the encoder to change: such an image is left short.
    """
    n, k = len(features), settings.k
    anchors = range(n) if anchors is None else anchors
    searching = partial(
        Search,
        apart=apart,
        count=settings.candidates,
        exact_up_to=settings.exact_up_to,
        device=device,
        threads=threads,
        beside=beside,
    )
    positives_by = partial(similarity_to_positives, kin=kin, draws=settings.positives, seed=seed, number=number)
    search, to_positives = searching(features, texts=texts), positives_by(features)
    if guide is None:
        at_a_time = _at_a_time(settings, search.looked_at, features.shape[1])
        suspects = by_encoder(search, settings, features, at_a_time)
    else:
        at_a_time = _at_a_time(settings, search.looked_at, max(features.shape[1], guide.features.shape[1]), guided=True)
        second = searching(guide.features) if settings.false_negatives == "mutual" else None
        suspects = by_guide(guide, second, settings, positives_by(guide.features), anchors, at_a_time)
    negative, rank = (np.full((len(anchors), k), nothing, np.int32) for nothing in (NONE, NOT_RANKED))
    similarity, positive = np.full((len(anchors), k), np.nan, np.float32), np.empty(len(anchors), np.float32)
    known, suspected = np.empty(len(anchors), np.int32), np.empty(len(anchors), np.int32)
    label = f"search seed {seed} · round {number}"
    for rows, places in track(
        _blocks(anchors, at_a_time), total=-(-len(anchors) // at_a_time), label=label, unit=f"times {at_a_time} images"
    ):
        candidates = search.candidates(rows)
        seen = None if views is None else views[places]
        positive[places] = to_positives(rows, seen)
        barred = suspects(candidates, seen, positive[places])
        known[places], suspected[places] = candidates.known, barred.sum(axis=1)
        draws = _generators(seed, number, rows)
        if settings.policy == "random":
            others = policies.random_others(candidates, barred, k, apart=apart, draws=draws)
            _refuse_too_few((others >= 0).sum(axis=1), candidates, barred, n, settings)
            alike = np.where(others < 0, np.nan, search.similarity(rows, others))
            order = np.lexsort((others, -alike), axis=1)
            negative[places], similarity[places] = (np.take_along_axis(part, order, 1) for part in (others, alike))
        else:
            score = _scores(candidates, draws, settings, n)
            score = np.where(candidates.there & ~barred, score, -np.inf)
            _refuse_too_few((score > -np.inf).sum(axis=1), candidates, barred, n, settings)
            chosen = policies.take_highest(score, k)
            there = np.take_along_axis(score, chosen, 1) > -np.inf
            row = np.nonzero(there)[0]
            taken, place = (row, chosen[there]), (row, (np.cumsum(there, axis=1) - 1)[there])  # gaps last
            negative[places][place] = candidates.other[taken]
            similarity[places][place] = candidates.similarity[taken]
            rank[places][place] = chosen[there] + 1
    return MinedNegatives(negative, similarity, rank, positive, known, suspected, search.kind, search.recall)


def require_reach(settings: Mining, images: int) -> None:
    """Refuse shares of so many images that reach beyond the candidates: known before anything is embedded.

    Raises:
        UserError: the nearest that `rank` leaves out, or those before the band of `semi_hard`, leave fewer candidates
            than `settings.k`.
    """
    shares = {"mining.fn_share": settings.fn_share} if settings.false_negatives == "rank" else {}
    if settings.policy == "semi_hard":
        shares["mining.band"] = settings.band[0]
    for name, share in shares.items() if settings.policy != "random" else ():
        passed = round(part_of(images, share))
        if passed + settings.k > settings.candidates:
            raise UserError(
                f"mining.candidates must be at least {passed + settings.k} for {images:,} images, got "
                f"{settings.candidates}: {name} passes over the nearest {passed:,} of each, {share:g} of all; raise "
                "the one, or lower the other"
            )


def _at_a_time(settings: Mining, looked_at: int, dimension: int, *, guided: bool = False) -> int:
    """Anchors that fit into `settings.memory_mb`: their similarities to a block of all rows, what is kept of their
    candidates, and the features of those that are looked at once more."""
    again = looked_at if guided or settings.false_negatives == "views" else settings.k
    each = 4 * BANK_ROWS + CANDIDATE * looked_at + 4 * dimension * again
    return max(1, min(ANCHORS, settings.memory_mb * 2**20 // each))


def _blocks(anchors: range, size: int) -> Iterator[tuple[np.ndarray, slice]]:
    """So many anchors at a time, and their places among all anchors."""
    for start in range(0, len(anchors), size):
        places = slice(start, min(start + size, len(anchors)))
        yield np.array(anchors[places], np.int64), places


def _scores(candidates: Candidates, draws: policies.Draws, settings: Mining, n: int) -> np.ndarray:
    """By the policy, (A, C)."""
    if settings.policy == "hardest":
        return policies.hardest(candidates)
    # 2^-54 more than what is drawn, which may be 0: its logarithm is taken
    noise = np.array([draw.random(candidates.other.shape[1]) for draw in draws]) + 2.0**-54
    if settings.policy == "semi_hard":
        return policies.semi_hard(candidates, noise, *(round(part_of(n, share)) for share in settings.band))
    if settings.policy == "margin":
        return policies.within_margin(candidates, noise, *settings.margin)
    return policies.weighted(candidates, noise, settings.tau)


def _generators(seed: int, number: int, rows: np.ndarray) -> policies.Draws:
    """One for each anchor, by its row: what it draws does not depend on who is taken together with it."""
    for row in rows.tolist():
        yield np.random.Generator(np.random.Philox(key=[seed, number], counter=[0, 0, row, 1]))


def _refuse_too_few(left: np.ndarray, candidates: Candidates, barred: np.ndarray, n: int, settings: Mining) -> None:
    """Refuse to mine where some anchor has fewer negatives left (A,) than are wanted, whatever the encoder."""
    if settings.false_negatives == "relative":
        return
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
