"""The step `report`: the page that tells what came out of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from contraflow.foundations.artefacts import write_text
from contraflow.foundations.signature import Data, Reads, Settings, Writes
from contraflow.params import Params
from contraflow.report.page import render
from contraflow.report.reading import read_run


@dataclass(frozen=True)
class Everything(Settings):
    """All parameters: the page shows every one."""

    params: Params

    @classmethod
    def names(cls) -> dict[str, str]:
        return {name: name for name in Params.model_fields}

    @classmethod
    def of(cls, params: Params) -> Self:
        return cls(params)


def report(
    settings: Everything,
    *,
    data: Data,
    metrics: Annotated[Path, Reads("Summary that `summarise` wrote (.json).")],
    curves: Annotated[Path, Reads("Training curves that `summarise` wrote (.csv).")],
    evaluations: Annotated[list[Path], Reads("Figures that `evaluate` wrote (.json).")],
    features: Annotated[list[Path], Reads("Features that `evaluate` wrote (.npz).")],
    negatives: Annotated[list[Path], Reads("Table of mined negatives (.npz).")] = (),
    rounds: Annotated[list[Path], Reads("Figures that `evaluate-rounds` wrote (.json).")] = (),
    extras: Annotated[list[Path], Reads("Figures of an extra evaluation (.json).")] = (),
    baseline: Annotated[Path, Reads("What `contraflow baseline` wrote.")] = Path("baseline.json"),
    page: Annotated[Path, Writes("Page to write (.html).")],
) -> None:
    """Write the page that tells what came out: one HTML file that needs no other."""
    run = read_run(
        settings.params,
        data=data,
        metrics=metrics,
        curves=curves,
        evaluations=evaluations,
        features=features,
        negatives=negatives,
        rounds=rounds,
        extras=extras,
        baseline=baseline,
    )
    write_text(page, render(run))
