"""The arms of the benchmark, and how much each is trained."""

from dataclasses import dataclass

from benchmarks.command import FULL
from benchmarks.pictures import FASHION_MNIST, TINY, Pictures

TAUS = [0.1, 0.2, 0.5]
HARDEST = {"mining.policy": "hardest"}
SEMI_HARD = {"mining.policy": "semi_hard", "mining.band": [0.01, 0.1], "mining.candidates": 1000}
MARGIN = {"mining.policy": "margin", "mining.margin": [-1.0, 0.95], "mining.candidates": 4000}
WEIGHTED = {"mining.policy": "weighted", "mining.candidates": 4000}
RANDOM = {"mining.policy": "random"}
ALL = {"mining.false_negatives": "none"}
MUTUAL = {"mining.false_negatives": "mutual", "mining.fn_top": 100}
RANK = {"mining.false_negatives": "rank"}
RANK_5 = RANK | {"mining.fn_share": 0.05}
VIEWS = {"mining.false_negatives": "views", "mining.fn_threshold": 0.9, "mining.fn_top": 200}
FORWARD = {"mining.use": "forward"}
STORED = {"mining.use": "stored"}
ARMS: dict[str, dict] = {  # what differs from params.yaml
    "plain": {},
    "random": RANDOM | ALL,
    "hardest": HARDEST | ALL,
    "hardest, rank": HARDEST | RANK,
    "hardest, mutual": HARDEST | MUTUAL,
    "hardest, views": HARDEST | VIEWS,
    "semi-hard": SEMI_HARD | ALL,
    "semi-hard, rank 5 %": SEMI_HARD | RANK_5,
    "margin": MARGIN | ALL,
    "margin, rank 5 %": MARGIN | RANK_5,
    "weighted": WEIGHTED | ALL,
    "weighted, rank 5 %": WEIGHTED | RANK_5,
    "random, forward": RANDOM | ALL | FORWARD,
    "weighted, rank 5 %, forward": WEIGHTED | RANK_5 | FORWARD,
    "random, stored": RANDOM | ALL | STORED,
    "weighted, rank 5 %, stored": WEIGHTED | RANK_5 | STORED,
    "hcl": {"negatives.weighting": "hcl"},
    "debiased": {"negatives.weighting": "debiased"},
    "oracle": {},
}
UNMINED = ("plain", "hcl", "debiased")
CONTROLS = ("plain", "random")


@dataclass(frozen=True)
class Size:
    """How much is trained."""

    arms: tuple[str, ...]
    images: int
    before: int  # epochs
    seeds: tuple[int, ...]
    taus: tuple[float, ...]
    pictures: Pictures = FASHION_MNIST


SIZES = {
    FULL: Size(tuple(ARMS), 8_000, 3, (0, 1, 2), tuple(TAUS)),
    "quick": Size(("plain", "hardest, rank", "oracle"), 1_000, 1, (0,), (0.2,)),
    "tiny": Size(("plain", "random", "hardest, rank", "oracle"), 64, 1, (0, 1), (0.2,), TINY),
}
ROUNDS = 2
