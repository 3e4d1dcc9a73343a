from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import pandas as pd

from contraflow.foundations.arrays import load_arrays
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.signature import Reads, Settings, Writes
from contraflow.mining.table import MiningPass

Tables = Annotated[list[Path], Reads("Table of mined negatives (.npz).")]


@dataclass(frozen=True)
class NoSettings(Settings):
    """Nothing is read."""

    handed: ClassVar = ("seeds", "mining.rounds")


def summarise_mining(
    settings: NoSettings, *, negatives: Tables = (), summary: Annotated[Path, Writes("Table to write (.csv).")]
) -> None:
    """Tabulate all mining rounds.

    One row a table of negatives: seed, round, anchors, k, mean_similarity, suspected, search, recall.
    """
    rows = []
    for path in negatives:
        arrays, mined = load_arrays(path, MiningPass)
        anchors, k = arrays["negative"].shape
        similarity, suspected = (float(arrays[name].mean()) for name in ("similarity", "suspected"))
        means = round(similarity, 6), round(suspected, 4)
        rows.append((mined.seed, mined.round, anchors, k, *means, mined.search, mined.recall))
    columns = ["seed", "round", "anchors", "k", "mean_similarity", "suspected", "search", "recall"]
    write_text(summary, pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n"))
