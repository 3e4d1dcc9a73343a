"""Which parameters get most out of a few minutes on two cores? The search behind the shipped params.yaml.

    python -m benchmarks.search            every candidate, about two minutes each; writes benchmarks/search.csv
    python -m benchmarks.search --quick    two candidates on 5,000 images, about a minute; writes nothing

Each candidate is START with the changes that its row names, pretrained with seed 0 and without mining, and judged on
the validation images alone, after about a minute of training. Each is a row of the file as soon as it is done; started
again, rows of the same code and parameters are taken as they are.
"""

import json
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from benchmarks.command import FULL, arguments, tell
from benchmarks.parameters import SHIPPED, with_changes
from benchmarks.pictures import FASHION_MNIST, TINY, Pictures
from benchmarks.rows import Rows, digest
from benchmarks.steps import encode_into, evaluated, pretrain_into
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages

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


@dataclass(frozen=True)
class Size:
    """How many of the candidates are tried, on how many images; None: all."""

    pictures: Pictures
    candidates: int | None = None
    images: int | None = None


SIZES = {FULL: Size(FASHION_MNIST), "quick": Size(FASHION_MNIST, 2, 5_000), "tiny": Size(TINY, 2)}


def code() -> str:
    """Digest of what a row of the file rests on: the code and parameters of training and evaluation."""
    stages = Stages(Path())
    return digest([stages.code("pretrain"), stages.code("evaluate"), SHIPPED.read_text(), json.dumps(START)])


def judge(changes: dict, data: Path) -> dict:
    """Pretrain with `changes` and return the validation figures, loss and seconds."""
    params = with_changes(changes)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        start = time.monotonic()
        pretrain_into(out, params, seed=0, data=data)
        seconds = time.monotonic() - start
        checkpoint = out / "encoder.safetensors"
        found = evaluated(params, "encoder-seed0", data=data, checkpoint=checkpoint, folder=out).validation
        loss = pd.read_csv(out / "history.csv").loss.iloc[-1]
    return {**found, "loss": round(float(loss), 4), "seconds": round(seconds)}


def main() -> None:
    asked = arguments(__doc__).parse_args().size
    size, found = SIZES[asked], []
    rows = Rows(TABLE if asked == FULL else None, code())
    with tempfile.TemporaryDirectory() as folder:
        common = START | size.pictures.written(Path(folder, "pictures")) | {"data.limit": size.images}
        data = encode_into(Path(folder), with_changes(common))
        for changes in CANDIDATES[: size.candidates]:
            words = ", ".join(f"{key}={value}" for key, value in changes.items()) or "none"
            found.append(rows.get({"changes": words}, partial(judge, common | changes, data)))
            say(f"{words} · linear probe on the validation images {found[-1]['linear']:.1%}")
    best = max(found, key=lambda row: row["linear"])
    tell({"candidates": len(found), "best": best}, asked)


if __name__ == "__main__":
    main()
