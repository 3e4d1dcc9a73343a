"""Which parameters get most out of a few minutes on two cores? The search behind the shipped params.yaml.

    python -m benchmarks.search            every candidate, about two minutes each; writes benchmarks/search.csv
    python -m benchmarks.search --quick    two candidates on 5,000 images, about a minute; writes nothing

Each candidate is START with the changes that its row names, pretrained with seed 0 and without mining, and judged on
the validation images alone, after about a minute of training. Needs `snakemake encode` once.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.parameters import with_changes
from benchmarks.steps import encode_into, evaluated, pretrain_into

TABLE = Path(__file__).with_suffix(".csv")
START = {  # what the search set out from; the shipped parameters have moved on to what it found
    "model.width": 32,
    "augment.crop_scale": [0.2, 1.0],
    "augment.blur": 0.0,
    "train.lr": 0.12,
    "train.epochs": 2,
}
CANDIDATES = [  # epochs such that each takes about as long as the first
    {},
    {"model.width": 24, "train.epochs": 3},
    {"model.width": 16, "train.epochs": 5},
    {"augment.crop_scale": [0.4, 1.0]},
    {"augment.brightness": 0.2, "augment.contrast": 0.2},
    {"train.lr": 0.3},
    {"train.batch_size": 512},
    {"augment.blur": 0.5, "augment.blur_sigma": [0.1, 1.0]},
    {"loss.tau": 0.1},
    {"loss.tau": 0.5},
]


def judge(changes: dict, data: Path) -> dict:
    """Pretrain with `changes` and return the validation figures, loss and seconds."""
    params = with_changes(START | changes)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        start = time.monotonic()
        pretrain_into(out, params, seed=0, data=data)
        seconds = time.monotonic() - start
        checkpoint = out / "encoder.safetensors"
        found = evaluated(params, "encoder-seed0", data=data, checkpoint=checkpoint, folder=out).validation
        loss = pd.read_csv(out / "history.csv").loss.iloc[-1]
    words = ", ".join(f"{key}={value}" for key, value in changes.items()) or "none"
    return {"changes": words, **found, "loss": round(float(loss), 4), "seconds": round(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    data, rows = Path("results/encode/card.json"), []
    with tempfile.TemporaryDirectory() as folder:
        if quick:
            data = encode_into(Path(folder), with_changes({"data.limit": 5000}))
        for changes in CANDIDATES[:2] if quick else CANDIDATES:
            rows.append(judge(changes, data))
            print(rows[-1], flush=True)
            if not quick:
                pd.DataFrame(rows).to_csv(TABLE, index=False)
    best = max(rows, key=lambda row: row["linear"])
    print(json.dumps({"candidates": len(rows), "best": best, "quick": quick}))


if __name__ == "__main__":
    main()
