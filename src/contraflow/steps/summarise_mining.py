"""The last of the stage `mine`: all rounds in one table."""

from pathlib import Path

import pandas as pd

from contraflow.arrays import load_arrays
from contraflow.artefacts import atomic

READS = ()


def summarise_mining(*, negatives: list[Path], out: Path) -> None:
    """Write one row a table of negatives: seed, round, anchors, k, mean_similarity, left_out."""
    rows = []
    for path in negatives:
        arrays, mined = load_arrays(path)
        anchors, k = arrays["negative"].shape
        similarity = float(arrays["similarity"].mean())
        rows.append((mined["seed"], mined["round"], anchors, k, round(similarity, 6), mined["left_out"]))
    columns = ["seed", "round", "anchors", "k", "mean_similarity", "left_out"]
    with atomic(out) as temporary:
        pd.DataFrame(rows, columns=columns).to_csv(temporary, index=False, lineterminator="\n")
