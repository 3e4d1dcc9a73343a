from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import pandas as pd

from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.signature import Reads, Settings, Writes
from contraflow.mining.figures import COLUMNS, PassFigures
from contraflow.mining.mining_pass import MiningPass

Tables = Annotated[list[Path], Reads("Table of mined negatives (.npz).")]
SPREADS = [f"{name}_{column}" for name in ("positive", "negative", "difference") for column in COLUMNS]


@dataclass(frozen=True)
class NoSettings(Settings):
    """Nothing is read."""

    handed: ClassVar = ("seeds", "mining.rounds")


def summarise_mining(
    settings: NoSettings, *, negatives: Tables = (), summary: Annotated[Path, Writes("Table to write (.csv).")]
) -> None:
    """Tabulate all mining rounds.

    One row a table of negatives: seed, round, anchors, k; of the similarity of positives, of negatives and of their
    difference the mean and five quantiles; known, suspected, short; search, recall. `mining.figures.PassFigures` says
    what they are.
    """
    rows = []
    for path in negatives:
        arrays, mined = load_arrays(path, MiningPass)
        found = PassFigures.of(arrays)
        spreads = [value for of in found.spread.values() for value in of.values()]
        left_out = round(found.known, 4), round(found.suspected, 4), found.short
        rows.append((mined.seed, mined.round, found.anchors, found.k, *spreads, *left_out, mined.search, mined.recall))
    columns = ["seed", "round", "anchors", "k", *SPREADS, "known", "suspected", "short", "search", "recall"]
    write_text(summary, pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n"))
