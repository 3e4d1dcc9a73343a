"""What a comparison is made from."""

from dataclasses import dataclass

import pandas as pd

from contraflow.report.numbers import is_number, listing


@dataclass(frozen=True)
class Stage:
    """What DVC recorded of a stage: MD5 of its code by module, of what else it read, and of what it made, by path."""

    code: dict[str, str]
    inputs: dict[str, str]
    outputs: dict[str, str]


@dataclass(frozen=True, eq=False)  # a run is itself; tables have no truth value
class Experiment:
    """A run.

    Attributes:
        name: As the user calls it.
        params: Every parameter by its dotted name.
        stages: What DVC recorded of each stage, from first to last.
        test_images: MD5 of the file of test images.
        evaluations: Of the encoder, as `evaluate` wrote them, by seed; at least one.
        curves: One row an epoch: seed, round, epoch, loss, and what `contraflow.training.history.Epoch` has more.
    """

    name: str
    params: dict[str, object]
    stages: dict[str, Stage]
    test_images: str
    evaluations: dict[int, dict]
    curves: pd.DataFrame

    def failures(self) -> list[str]:
        """What of this run is no number, in words; empty for a run that did not fail."""
        broken = [
            f"{key} of seed {seed}"
            for seed, content in self.evaluations.items()
            for key, value in content["test"].items()
            if not is_number(value)
        ]
        lost = self.curves.seed[~self.curves.loss.map(is_number)].unique()
        return broken + [f"the training loss of seed {seed}" for seed in sorted(lost)]

    def collapse(self) -> str:
        """The seeds whose training collapsed, with the last sign of the first one; empty where none did."""
        signs = self.curves.dropna(subset="collapse").groupby("seed").last()
        if signs.empty:
            return ""
        first = signs.iloc[0]
        seeds = listing([f"seed {seed}" for seed in signs.index])
        return f"{seeds}; in epoch {first.epoch} of seed {signs.index[0]} {first.collapse}"
