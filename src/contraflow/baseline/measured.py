"""What a run is judged by."""

from dataclasses import dataclass

from contraflow.pages.numbers import is_number


@dataclass(frozen=True, eq=False)  # a run is itself
class Measured:
    """A run, as far as it can be compared with another.

    Attributes:
        name: As the user calls it.
        params: Every parameter by its dotted name.
        test_images: Digest of the file of test images.
        evaluations: Of the encoder, as `evaluate` wrote them, by seed; at least one. Of each are used: accuracies by
            name (0 to 1) on the `test` and the `validation` images, `alignment` and `uniformity`.
    """

    name: str
    params: dict[str, object]
    test_images: str
    evaluations: dict[int, dict]

    def failures(self) -> list[str]:
        """What of this run is no number, in words; empty for a run that did not fail."""
        return [
            f"{key} of seed {seed}"
            for seed, content in self.evaluations.items()
            for key, value in content["test"].items()
            if not is_number(value)
        ]
