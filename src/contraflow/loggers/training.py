"""A training as every logger takes it."""

from collections.abc import Iterator
from dataclasses import dataclass

from contraflow.compare.experiment import Experiment
from contraflow.pages.numbers import is_number

NO_NUMBERS = ["seed", "epoch", "collapse"]  # columns that are no figure of an epoch


@dataclass(frozen=True)
class Training:
    """The training of one seed in a run.

    Attributes:
        name: Of the run and the seed.
        params: Every parameter by its dotted name, and `seed`.
        epochs: By number, from 1 through all rounds: figures of the history by name; what was not measured is missing.
        figures: Of the encoder that came out, named like `test/linear`, as in its evaluation.
        collapse: What shows that the training has collapsed, in words; empty where nothing does.
    """

    name: str
    params: dict[str, object]
    epochs: dict[int, dict[str, float]]
    figures: dict[str, float]
    collapse: str


def trainings(run: Experiment) -> Iterator[Training]:
    """The trainings of a run, one a seed."""
    for seed, found in run.evaluations.items():
        history = run.curves[run.curves.seed == seed]
        rows = history.drop(columns=NO_NUMBERS).to_dict("records")
        splits = {"test": found.test, "validation": found.validation}
        figures = {f"{split}/{key}": value for split, values in splits.items() for key, value in values.items()}
        figures |= {"alignment": found.alignment, "uniformity": found.uniformity}
        signs = history.collapse.dropna()
        yield Training(
            name=f"{run.name} seed {seed}",
            params=run.params | {"seed": seed},
            epochs={int(epoch): _numbers(row) for epoch, row in zip(history.epoch, rows, strict=True)},
            figures=_numbers(figures),
            collapse="" if signs.empty else signs.iloc[-1],
        )


def _numbers(values: dict[str, float | None]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if is_number(value)}
