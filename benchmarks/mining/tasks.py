"""The tasks: data, how long is trained on them, what is measured, and how much of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.command import FULL
from benchmarks.mining import arms
from benchmarks.mining.arms import RANDOM, Arm
from benchmarks.pictures import FASHION_MNIST, GLYPHS, TINY, Pictures


@dataclass(frozen=True)
class Task:
    """A comparison of arms.

    Attributes:
        name: Of the command line, and of the folder that holds the files of figures.
        pictures: The data set.
        part: How much of it, and what is held out, in words.
        always: Changes to the shipped parameters.
        arms: By name, in the order in which they are trained.
        figures: Of the test images, in words by the names of `Eval.figures`; the first is what an arm is judged by, the
            first three are drawn.
        chosen_by: The one whose value of the held-out images chooses an arm's temperature.
        taus: Temperatures tried; ties go to the earlier.
        tuning: The seeds that choose among them; the others train with the chosen one alone.
        seeds: All seeds.
    """

    name: str
    pictures: Pictures
    part: str
    always: Mapping[str, object] = field(hash=False)
    arms: Mapping[str, Arm] = field(hash=False)
    figures: Mapping[str, str] = field(hash=False)
    chosen_by: str
    taus: tuple[float, ...]
    tuning: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def folder(self) -> Path:
        """Where its figures lie."""
        return Path(__file__).parent / self.name

    @property
    def rows(self) -> Path:
        """The file of all trainings."""
        return self.folder / "runs.csv"

    @property
    def judged_by(self) -> str:
        """The figure by which an arm is judged."""
        return next(iter(self.figures))

    def sized(self, size: str) -> "Task":
        """The task, or what is left of it in another size than the full one."""
        if size == FULL:
            return self
        some = {name: self.arms[name] for name in (RANDOM, "mined", "oracle") if name in self.arms}
        images, pictures, seeds = {"quick": (2_000, self.pictures, (0,)), "tiny": (64, TINY, (0, 1))}[size]
        short = {"data.limit": images, "train.epochs": 1, "mining.rounds": 1, "mining.epochs": 1}
        always = self.always | short
        return replace(self, pictures=pictures, always=always, arms=some, taus=self.taus[:1], tuning=(0,), seeds=seeds)


TASKS = {
    task.name: task
    for task in (
        Task(
            name="glyphs",
            pictures=GLYPHS,
            part="a tenth of the characters that are not for the test is held out; batches of 32",
            always={
                "positives.from": "label",
                "train.batch_size": 32,
                "train.epochs": 4,
                "train.knn_every": 0,
                "mining.rounds": 4,
                "mining.epochs": 2,
                "mining.lr": 0.2,  # as before the rounds: so random batches did better on held-out characters (seed 0)
                "eval.retrieval": [1],
            },
            arms=arms.GLYPHS,
            figures={"recall@1": "recall@1", "map@r": "MAP@R"},
            chosen_by="map@r",  # of so few characters recall@1 is near 1
            taus=(0.1, 0.05, 0.2),
            tuning=(0,),
            seeds=(0, 1, 2, 3, 4),
        ),
        Task(
            name="fashion_mnist",
            pictures=FASHION_MNIST,
            part="the first 8,000 training images, of which a quarter is held out; batches of 128",
            always={
                "data.limit": 8_000,
                "data.validation_fraction": 0.25,
                "train.epochs": 3,
                "train.knn_every": 0,
                "mining.rounds": 2,
                "mining.epochs": 1,
                "eval.few_labels": [0.01, 0.1],
                "eval.few_draws": 3,
            },
            arms=arms.FASHION_MNIST,
            figures={
                "linear": "linear probe",
                "linear_1pct": "1 % of labels",
                "knn20": "20-NN",
                "linear_10pct": "10 % of labels",
                "knn200": "200-NN",
            },
            chosen_by="knn20",
            taus=(0.2, 0.1, 0.5),
            tuning=(0, 1, 2),
            seeds=(0, 1, 2),
        ),
    )
}
