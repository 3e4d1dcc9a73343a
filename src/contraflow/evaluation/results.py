"""What the evaluations write: JSON files, each opened as a typed record. No torch: summaries and pages read them."""

from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, Field

from contraflow.evaluation.hits import Hits
from contraflow.foundations.artefacts import read_json, write_json
from contraflow.foundations.record import Provenance, Record

DIGITS = 6  # of what is rounding beyond


class Result(Record):
    """What every evaluation has: a `provenance`."""

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        write_json(path, self.content())

    @classmethod
    def read(cls, path: Path, *, data: str) -> Self:
        """Read a file that was measured on the encoded data with the digest `data`.

        Raises:
            UserError: it is missing, damaged, of another version or of other data.
        """
        found = cls.of_content(read_json(path), path)
        found.provenance.require(path, data=data)
        return found


class ClassFigures(Record):
    """Precision, recall and F1 (0 to 1) of a class, and how many images really belong to it."""

    name: str = Field(alias="class")
    precision: float
    recall: float
    f1: float
    images: int


class Fit(Record):
    """A linear probe: its weight decay, iterations, and whether they reached the minimum."""

    weight_decay: float
    iterations: int
    converged: bool


class Tried(Record):
    """A weight decay of the sweep, with the accuracy (0 to 1) of its probe on the validation images."""

    weight_decay: float
    validation_accuracy: float
    iterations: int
    converged: bool


class FewFits(Record):
    """The probes on an amount of labels: images of each draw, the weight decays chosen, and whether all converged."""

    images: int
    weight_decays: list[float]
    converged: bool


class Bin(Record):
    """Images whose confidence is alike, with its mean and their accuracy (both 0 to 1, 0 where there are none)."""

    images: int
    confidence: float
    accuracy: float


class Calibration(Record):
    """Expected calibration error of the probe (0 to 1), and the bins that it is computed from."""

    ece: float
    bins: list[Bin]


class Evaluation(Result):
    """The measurement of one representation. Without labels the tables are empty, `calibration` and `probe` None.

    Attributes:
        representation: `encoder`, `control`, `untrained`, `supervised`, `raw_pixels` or `pca_pixels`.
        seed: Of the encoder; None of pixels.
        dimension: Of the features.
        test: Accuracies (0 to 1) on the test images by name, as `Eval.figures` has them.
        right: Which test images each was measured to name rightly, or of the queries of a recall which found another of
            their class; none of `GRADED`.
        intervals: Lower and upper end of the bootstrap interval of each.
        chance: Of retrieval, what a random order is expected to get, by the same names.
        validation: Accuracies on the validation images.
        confusion: How many test images of each class (row) the probe takes for each class (column).
        few_labels: By name of the accuracy.
        alignment, uniformity: Of the features of test images; uniformity None for a single image.
        similarities: Counted cosines of views, as `contraflow.evaluation.geometry` has them.
        protocol: How each figure was measured, in words.
    """

    representation: str
    seed: int | None
    dimension: int
    test: dict[str, float | None]
    right: dict[str, Hits]
    intervals: dict[str, list[float]]
    chance: dict[str, float]
    validation: dict[str, float | None]
    per_class: list[ClassFigures]
    confusion: list[list[int]]
    probe: Fit | None = None
    probe_sweep: list[Tried]
    few_labels: dict[str, FewFits]
    calibration: Calibration | None
    alignment: float
    uniformity: float | None
    similarities: dict[str, list[int]]
    protocol: dict[str, str]
    provenance: Provenance


class Example(Record):
    """A query with what it finds, by their numbers, the most similar first."""

    query: int
    found: list[int]
    similarity: list[float]


class Finds(Record):
    """Queries, of each the numbers of its nearest candidates, the most similar first, and the similarities."""

    query: list[int]
    found: list[list[int]]
    similarity: list[list[float]]


class Extra(Result):
    """An extra evaluation, which a run makes where `eval` asks for it.

    Attributes:
        kind: The name of its setting, a key of `Eval.extras`.
        representation, seed: As of an `Evaluation`.
        figures: Accuracies (0 to 1), in dicts as deep as the kind has it.
        validation: Accuracies on validation images; None where there are none.
        intervals: Lower and upper end of the bootstrap interval of each, where it has one.
        right: Which queries or images each was right for, where each is right or not.
        examples: Some queries of each kind, where the page shows them.
        finds: Texts with the images that they find, for the page's search box.
        protocol: How they were measured, in words.
    """

    kind: str
    representation: str
    seed: int | None
    figures: dict[str, Any]
    validation: dict[str, float] | None = None
    intervals: dict[str, list[float]] = Field(default_factory=dict)
    right: dict[str, Hits] = Field(default_factory=dict)
    examples: dict[str, list[Example]] = Field(default_factory=dict)
    finds: Finds | None = None
    protocol: dict[str, str]
    provenance: Provenance


class Images(Record):
    """How many images a light measurement learned from, and how many it was measured on."""

    learned: int
    held_out: int


class RoundFigures(Record):
    """The light measurement of one round; without labels the number of the round alone.

    Attributes:
        linear: Accuracy (0 to 1) of the linear probe; those of k-NN stand beside it under their own names, and in the
            place of both those of retrieval where training has none of the classes.
        right: Which images the probe names rightly, or which queries the first recall finds another of their class for.
        confusion: How many images of each class (row) the probe takes for each class (column).
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    round: int
    linear: float | None = None
    right: Hits | None = None
    confusion: list[list[int]] | None = None

    @property
    def accuracies(self) -> dict[str, float]:
        """All that were measured, by name."""
        return {name: value for name, value in self.content().items() if name not in ("round", "right", "confusion")}


class ByRound(Result):
    """The light measurement of a seed's encoders, one after each round."""

    representation: str
    seed: int
    images: Images
    rounds: list[RoundFigures]
    provenance: Provenance
