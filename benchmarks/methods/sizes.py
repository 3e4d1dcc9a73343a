"""How much is trained, on which pictures."""

from dataclasses import dataclass

from benchmarks.command import FULL
from benchmarks.pictures import EMOJI, FASHION_MNIST, TINY, Pictures
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import WITH_TEXTS

ARMS: dict[str, dict[str, object]] = {  # what is compared, as changes to the shipped parameters
    **{name: {"method.name": name} for name in METHODS if name not in ("distil", *WITH_TEXTS)},
    "supcon_ce": {"method.name": "supcon", "loss.cross_entropy": 1.0},
}


@dataclass(frozen=True)
class Budget:
    """What each method may spend on one data set.

    Attributes:
        pictures: The data set.
        images: Training images, the first of all; None: all.
        trial: Epochs of a training that tries a value.
        final: Epochs of a training that is reported.
    """

    pictures: Pictures
    images: int | None
    trial: int
    final: int


@dataclass(frozen=True)
class Size:
    """What is compared: methods by their names in ARMS, data sets, and the seeds of the trainings that are reported."""

    methods: tuple[str, ...]
    budgets: tuple[Budget, ...]
    seeds: tuple[int, ...]


SIZES = {  # epochs on emoji such that they are about as many steps as on Fashion-MNIST
    FULL: Size(tuple(ARMS), (Budget(FASHION_MNIST, 10_000, 2, 6), Budget(EMOJI, None, 4, 11)), (0, 1, 2)),
    "quick": Size(("simclr", "byol"), (Budget(FASHION_MNIST, 1_000, 1, 2),), (0, 1)),
    "tiny": Size(("simclr", "vicreg"), (Budget(TINY, None, 1, 1),), (0, 1)),
}
