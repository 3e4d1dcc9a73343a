"""What a comparison is made from."""

from dataclasses import dataclass

import pandas as pd

from contraflow.baseline.measured import Measured
from contraflow.pages.numbers import is_number, listing


@dataclass(frozen=True)
class Stage:
    """What DVC recorded of a stage: MD5 of its code by module, of what else it read, and of what it made, by path."""

    code: dict[str, str]
    inputs: dict[str, str]
    outputs: dict[str, str]


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Experiment(Measured):
    """A run.

    Attributes:
        stages: What DVC recorded of each stage, from first to last.
        curves: One row an epoch: seed, round, epoch, loss, and what `contraflow.training.history.Epoch` has more.
    """

    stages: dict[str, Stage]
    curves: pd.DataFrame

    def failures(self) -> list[str]:
        lost = self.curves.seed[~self.curves.loss.map(is_number)].unique()
        return super().failures() + [f"the training loss of seed {seed}" for seed in sorted(lost)]

    def collapse(self) -> str:
        """The seeds whose training collapsed, with the last sign of the first one; empty where none did."""
        signs = self.curves.dropna(subset="collapse").groupby("seed").last()
        if signs.empty:
            return ""
        first = signs.iloc[0]
        seeds = listing([f"seed {seed}" for seed in signs.index])
        return f"{seeds}; in epoch {first.epoch} of seed {signs.index[0]} {first.collapse}"
