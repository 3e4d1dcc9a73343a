"""What is trained on which pictures, and for how long."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.command import FULL
from benchmarks.parameters import SHIPPED
from benchmarks.pictures import FASHION_MNIST, TINY, Pictures
from benchmarks.rows import digest
from contraflow.foundations.stages import Stages

SEED = 0
COMMON = {
    "loss.tau": 0.2,
    "model.width": 32,
    "model.pooling": "linear",
    "train.batch_size": 256,
    "eval.few_labels": [],
}
CIFAR10 = Pictures("cifar10", "CIFAR-10", {"data.name": "cifar10", "augment.recipe": "simclr"})
DATA = {
    "fashion_mnist": Pictures(
        "fashion_mnist", "Fashion-MNIST", FASHION_MNIST.changes | {"augment.crop_scale": [0.6, 1.0]}
    ),
    "cifar10": CIFAR10,
}
TRAINED_BY = ("sizes.py", "recorded.py", "sides.py", "side_by_side.py")  # of this folder


@dataclass(frozen=True)
class Size:
    """How much is trained.

    Attributes:
        hours: Of processor time, in each side's training.
        trial: Seconds in which its speed is measured before.
        points: Encoders that are kept of it, at most.
        changes: What differs from the parameters of the full size.
        pictures: What is trained on, whatever data set is asked for; None for that.
    """

    hours: float
    trial: float
    points: int
    changes: Mapping[str, object] = field(default_factory=dict, hash=False)
    pictures: Pictures | None = None


SIZES = {
    FULL: Size(1, 60, 10),
    "quick": Size(20 / 3600, 4, 3, {"data.limit": 5_000, "model.width": 16}),
    "tiny": Size(0.5 / 3600, 0.2, 2, TINY.changes, TINY),
}


def training_code(changes: Mapping[str, object]) -> str:
    """Digest of what a training rests on: its code and parameters."""
    here = Path(__file__).parent
    files = [*(here / name for name in TRAINED_BY), here.parent / "loader" / "torchvision_cases.py", SHIPPED]
    texts = [file.read_text(encoding="utf-8") for file in files]
    return digest([Stages(Path()).code("pretrain"), *texts, json.dumps(changes, sort_keys=True)])


def code(pictures: Pictures) -> str:
    """Digest of what a row rests on: the code and parameters of training and evaluation."""
    return digest([training_code(COMMON | dict(pictures.changes)), Stages(Path()).code("evaluate")])
