"""Which parameters get most out of a few minutes on two cores? The search behind the shipped params.yaml.

    python -m benchmarks.search            every candidate, one or two minutes each; writes benchmarks/search.csv
    python -m benchmarks.search --quick    two candidates on 5,000 images, a minute or two; writes nothing

Each candidate is START with the changes that its row names, pretrained with seed 0 and without mining, and judged on
the validation images alone: half as long as the shipped parameters train, so that many can be tried. Raw pixels and
their principal components stand beside them. Each is a row of the file as soon as it is done; started again, rows of
the same code and parameters are taken as they are. Seconds are of the processor.
"""

import json
import tempfile
import time
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pandas as pd

from benchmarks.command import FULL, arguments, tell
from benchmarks.parameters import SHIPPED, with_changes
from benchmarks.pictures import FASHION_MNIST, TINY, Pictures
from benchmarks.rows import Rows, digest
from benchmarks.steps import encode_into, evaluated, pretrain_into
from contraflow.devices import cores
from contraflow.evaluation.results import Evaluation
from contraflow.foundations.artefacts import read_json
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages
from contraflow.params import Params
from contraflow.steps.evaluate.evaluate import Evaluating, evaluate

TABLE = Path(__file__).with_suffix(".csv")
START = {"train.epochs": 4, "train.knn_every": 0}
PIXELS = ("raw pixels", "principal components")
CANDIDATES = [
    {},
    {"model.whitening": 0.0},
    {"model.whitening": 1.0},
    {"model.pooling": "average"},
    {"model.pooling": "average", "model.whitening": 0.0},
    {"model.pooling": "linear"},
    {"model.width": 24},
    {"loss.tau": 0.1},
    {"augment.crop_scale": [0.6, 1.0]},
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
    """Pretrain with `changes` and return the validation figures, loss and processor seconds."""
    params = with_changes(changes)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        start = time.process_time()
        pretrain_into(out, params, seed=0, data=data)
        seconds = time.process_time() - start
        checkpoint = out / "encoder.safetensors"
        found = evaluated(params, "encoder-seed0", data=data, checkpoint=checkpoint, folder=out).validation
        loss = pd.read_csv(out / "history.csv").loss.iloc[-1]
    return {**found, "loss": round(float(loss), 4), "seconds": round(seconds)}


def judge_pixels(params: Params, data: Path) -> dict[str, dict]:
    """The validation figures of raw pixels and of their principal components, by their names."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, f"{name}.json") for name in PIXELS}
        raw, components = files.values()
        named = {"representation": "raw_pixels", "figures": raw, "components": components}
        evaluate(Evaluating.of(params), data=data, threads=cores(), **named)
        return {name: Evaluation.of_content(read_json(file), file).validation for name, file in files.items()}


def main() -> None:
    asked = arguments(__doc__).parse_args().size
    size, found = SIZES[asked], []
    rows = Rows(TABLE if asked == FULL else None, code())
    with tempfile.TemporaryDirectory() as folder:
        common = START | size.pictures.written(Path(folder, "pictures")) | {"data.limit": size.images}
        data = encode_into(Path(folder), with_changes(common))
        pixels = cache(partial(judge_pixels, with_changes(common), data))
        for name in PIXELS:
            rows.get({"changes": name}, lambda name=name: pixels()[name])
        for changes in CANDIDATES[: size.candidates]:
            words = ", ".join(f"{key}={value}" for key, value in changes.items()) or "none"
            found.append(rows.get({"changes": words}, partial(judge, common | changes, data)))
            figures = f"linear probe {found[-1]['linear']:.1%}, 20-NN {found[-1]['knn20']:.1%}"
            say(f"{words} · validation images: {figures}")
    best = max(found, key=lambda row: row["linear"])
    tell({"candidates": len(found), "best": best}, asked)


if __name__ == "__main__":
    main()
