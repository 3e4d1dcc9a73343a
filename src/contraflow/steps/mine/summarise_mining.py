"""The last of the stage `mine`: all rounds in one table."""

from pathlib import Path

import pandas as pd

from contraflow.arrays import load_arrays
from contraflow.artefacts import atomic

READS = ()
PASS = ("search", "recall")  # what a table says of the pass that found it


def summarise_mining(*, negatives: list[Path], out: Path) -> None:
    """Write one row a table of negatives: seed, round, anchors, k, mean_similarity, suspected, search, recall."""
    rows = []
    for path in negatives:
        arrays, mined = load_arrays(path)
        anchors, k = arrays["negative"].shape
        similarity, suspected = (float(arrays[name].mean()) for name in ("similarity", "suspected"))
        said = (mined[name] for name in PASS)
        rows.append((mined["seed"], mined["round"], anchors, k, round(similarity, 6), round(suspected, 4), *said))
    columns = ["seed", "round", "anchors", "k", "mean_similarity", "suspected", *PASS]
    with atomic(out) as temporary:
        pd.DataFrame(rows, columns=columns).to_csv(temporary, index=False, lineterminator="\n")
