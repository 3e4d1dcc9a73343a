"""What is compared: each arm by what differs from the parameters of its task."""

from collections.abc import Mapping
from dataclasses import dataclass, field

RANDOM = "random"
"""The arm that the others are compared with: batches drawn at random, as without mining."""


@dataclass(frozen=True)
class Arm:
    """How the rounds are trained.

    Attributes:
        changes: To the parameters of the task.
        mines: Whether negatives are mined before each round.
        told: Changes for the mining pass alone: what it knows and the training does not.
    """

    changes: Mapping[str, object] = field(default_factory=dict)
    mines: bool = True
    told: Mapping[str, object] = field(default_factory=dict)


UNMINED = Arm(mines=False)
SHIPPED = Arm()
HCL = Arm({"negatives.weighting": "hcl"}, mines=False)
PATH = Arm({"mining.neighbourhood": 1})
ALL = {"mining.false_negatives": "none"}
RANK_5 = {"mining.fn_share": 0.05}
FORWARD, STORED = {"mining.use": "forward"}, {"mining.use": "stored"}


def of_size(batch: int, **changes: object) -> Arm:
    """Random batches of so many images."""
    return Arm({"train.batch_size": batch, **changes}, mines=False)


def neighbourhood(images: int) -> Arm:
    """Batches composed of neighbourhoods of so many images."""
    return Arm({"mining.neighbourhood": images})


GLYPHS = {
    RANDOM: UNMINED,
    "mined": SHIPPED,
    "random 128": of_size(128),
    # of the rates 0.025, 0.05, 0.1 and 0.2 the best on held-out characters (seed 0): above, it hardly learns
    "random 512": of_size(512, **{"train.lr": 0.05, "mining.lr": 0.05}),
    "random, one schedule": Arm({"train.epochs": 12, "mining.rounds": 0}, mines=False),
    "random, longer": Arm({"mining.epochs": 4}, mines=False),
    "random, mined path": PATH,
    "neighbourhood 4": neighbourhood(4),
    "neighbourhood 32": neighbourhood(32),
    "rank": Arm({"mining.false_negatives": "rank"}),
    "mutual": Arm({"mining.false_negatives": "mutual"}),
    "relative": Arm({"mining.false_negatives": "relative"}),
    "forward": Arm(FORWARD),
    "stored": Arm(STORED),
    "hcl": HCL,
}
_SEMI_HARD = {"mining.policy": "semi_hard", "mining.band": [0.01, 0.1], "mining.candidates": 1000}
_MARGIN = {"mining.policy": "margin", "mining.margin": [-1.0, 0.95], "mining.candidates": 4000}
_WEIGHTED = {"mining.policy": "weighted", "mining.candidates": 4000}
_OTHERS = {"mining.policy": "random"}
FASHION_MNIST = {
    RANDOM: UNMINED,
    "mined": SHIPPED,
    "random, mined path": PATH,
    "oracle": Arm(ALL, told={"positives.from": "label"}),
    "neighbourhood 4": neighbourhood(4),
    "neighbourhood 32": neighbourhood(32),
    "no filter": Arm(ALL),
    "mutual": Arm({"mining.false_negatives": "mutual", "mining.fn_top": 100}),
    "views": Arm({"mining.false_negatives": "views", "mining.fn_threshold": 0.9, "mining.fn_top": 200}),
    "relative": Arm({"mining.false_negatives": "relative"}),
    "semi-hard": Arm(_SEMI_HARD | ALL),
    "semi-hard, rank 5 %": Arm(_SEMI_HARD | RANK_5),
    "margin": Arm(_MARGIN | ALL),
    "margin, rank 5 %": Arm(_MARGIN | RANK_5),
    "weighted": Arm(_WEIGHTED | ALL),
    "weighted, rank 5 %": Arm(_WEIGHTED | RANK_5),
    "random others, forward": Arm(_OTHERS | ALL | FORWARD),
    "weighted, rank 5 %, forward": Arm(_WEIGHTED | RANK_5 | FORWARD),
    "random others, stored": Arm(_OTHERS | ALL | STORED),
    "weighted, rank 5 %, stored": Arm(_WEIGHTED | RANK_5 | STORED),
    "hcl": HCL,
    "debiased": Arm({"negatives.weighting": "debiased"}, mines=False),
}
