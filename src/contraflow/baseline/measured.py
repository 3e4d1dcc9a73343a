"""What a run is judged by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import ConfigDict, Field

from contraflow.evaluation.hits import Hits
from contraflow.foundations.record import Record
from contraflow.pages.numbers import is_number
from contraflow.settings.values import Number


class Figures(Record):
    """Figures of the encoder of one seed, taken from its evaluation, of this version or an earlier one.

    Attributes:
        right: Which test images each of `test` was measured to name rightly; empty in earlier versions.
        scored: SHA-256 of the file of pairs that figures of scored pairs are of; empty where there are none.
    """

    model_config = ConfigDict(extra="ignore")

    seed: int
    test: dict[str, Number | None]
    right: dict[str, Hits] = Field(default_factory=dict)
    validation: dict[str, Number | None]
    alignment: Number | None
    uniformity: Number | None
    scored: str = ""

    def beside(self, figures: Mapping[str, float], scored: str) -> Self:
        """With those of the scored pairs of such a file among those of the test."""
        return self.model_copy(update={"test": self.test | figures, "scored": scored})


@dataclass(frozen=True, eq=False)  # a run is itself
class Measured:
    """A run, as far as it can be compared with another.

    Attributes:
        name: As the user calls it.
        params: Every parameter by its dotted name.
        test_images: `tested` of the data card.
        evaluations: Of the encoder, by seed; at least one.
    """

    name: str
    params: dict[str, object]
    test_images: str
    evaluations: Mapping[int, Figures]

    def failures(self) -> list[str]:
        """What of this run is no number, in words; empty for a run that did not fail."""
        return [
            f"{key} of seed {seed}"
            for seed, content in self.evaluations.items()
            for key, value in content.test.items()
            if not is_number(value)
        ]
