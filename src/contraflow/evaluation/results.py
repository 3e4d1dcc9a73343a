"""What the evaluations write: JSON files, each opened as a typed record. No torch: summaries and pages read them."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from contraflow.foundations.artefacts import Provenance, read_json, write_json
from contraflow.foundations.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Result:
    """What every evaluation says.

    Attributes:
        representation: `encoder`, `untrained`, `supervised`, `raw_pixels` or `pca_pixels`.
        seed: Of the encoder; None of pixels.
    """

    representation: str
    seed: int | None
    provenance: Provenance

    def write(self, path: Path) -> None:
        """Write the file; what is unknown and need not be there is left out."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        optional = {field.name for field in fields(self) if field.default is None}
        content = {name: value for name, value in known.items() if not (name in optional and value is None)}
        write_json(path, content | {"provenance": self.provenance.content()})

    @classmethod
    def read(cls, path: Path, *, data: str) -> Self:
        """Read a file that was measured on the encoded data with the digest `data`.

        Raises:
            UserError: it is missing, damaged, of another version or of other data.
        """
        found = cls.of_content(read_json(path), path)
        found.provenance.require(path, data=data)
        return found

    @classmethod
    def of_content(cls, content: dict[str, Any] | bytes, path: Path) -> Self:
        """What the file `path` holds.

        Raises:
            UserError: it is of another version.
        """
        content = json.loads(content) if isinstance(content, bytes) else content
        try:
            return cls(**content | {"provenance": Provenance.of_content(content["provenance"], path)})
        except (KeyError, TypeError):
            raise UserError(f"{path} was made by another version: delete it and run its step again") from None


@dataclass(frozen=True, kw_only=True)
class Evaluation(Result):
    """The measurement of one representation. Without labels the tables are empty, `calibration` and `probe` None.

    Attributes:
        dimension: Of the features.
        test: Accuracies (0 to 1) on the test images by name: `linear`, those on few labels, `knnK`.
        intervals: Lower and upper end of the bootstrap interval of each.
        validation: Accuracies on the validation images.
        per_class: For each class precision, recall and f1 of the probe, and its test images.
        confusion: How many test images of each class (row) the probe takes for each class (column).
        probe_sweep: For each weight decay its validation accuracy, iterations, and whether it converged.
        few_labels: By name, how many labels, the weight decays chosen, and whether the probes converged.
        calibration: Expected calibration error `ece` of the probe, and its `bins`.
        alignment, uniformity: Of the features of test images; uniformity None for a single image.
        similarities: Counted cosines of views, as `contraflow.evaluation.similarity` has them.
        protocol: How each figure was measured, in words.
        probe: The probe's weight decay, iterations, and whether it converged.
    """

    dimension: int
    test: dict[str, float]
    intervals: dict[str, list[float]]
    validation: dict[str, float]
    per_class: list[dict[str, Any]]
    confusion: list[list[int]]
    probe_sweep: list[dict[str, Any]]
    few_labels: dict[str, dict[str, Any]]
    calibration: dict[str, Any] | None
    alignment: float
    uniformity: float | None
    similarities: dict[str, Any]
    protocol: dict[str, str]
    probe: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Extra(Result):
    """An extra evaluation, which a run makes where `eval` asks for it.

    Attributes:
        kind: Its name: `corruptions`, `transfer` or `fine_tune`.
        figures: Accuracies (0 to 1), in dicts as deep as the kind has it.
        protocol: How they were measured, in words.
        validation: Accuracies on validation images; None where there are none.
    """

    kind: str
    figures: dict[str, Any]
    protocol: dict[str, str]
    validation: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class ByRound(Result):
    """The light measurement of a seed's encoders: `rounds` has an entry for each, `images` the numbers of images."""

    images: dict[str, int]
    rounds: list[dict[str, Any]]
