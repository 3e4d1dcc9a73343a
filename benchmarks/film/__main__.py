"""Do frames that follow each other help to recognise a scene, as each other's positives?

    python -m benchmarks.film            21 minutes on two busy cores; writes runs.csv and table.md beside this file
    python -m benchmarks.film --quick    two seeds, one epoch, about a minute; writes nothing

Frames of films over real photographs (`benchmarks/pictures/film.py`), a scene each. Three trainings for each seed,
equal but for this: `image` takes two views of a frame as positives; `apart` does, too, and frames within WINDOW places
in order are no negatives of each other; `order` takes these frames as positives. Everything else is as in params.yaml,
without mining. Each is measured by retrieval: does a test frame find others of its scene among all test frames? None of
them shares a pixel with another or with a training frame.

Differences from `image` are judged by `contraflow.statistics.difference`, those of the recall query by query; that
queries of one scene resemble each other it does not know. Each training is a row of runs.csv as soon as it is done;
started again, rows of the same code, parameters and settings are taken as they are.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arms import Arm, Comparison
from benchmarks.command import FULL, arguments, tell
from benchmarks.parameters import SHIPPED, with_changes
from benchmarks.pictures import FILM, TINY_FILM, Pictures
from benchmarks.rows import Rows, digest
from benchmarks.steps import encode_into
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages

ROWS = Path(__file__).with_name("runs.csv")
TABLE = Path(__file__).with_name("table.md")
WINDOW = 4  # places: by as many frames a window slides on by its own side
ARMS = {  # changes to what all have in common; None: not trained
    "image": {},
    "apart": {"negatives.exclude_window": WINDOW},
    "order": {"positives.from": "order", "positives.window": WINDOW},
    "untrained": None,
}
COMPARISON = Comparison(
    title="Order as what makes a positive",
    column="positives",
    reference="image",
    figures={"recall@1": "recall@1", "r_precision": "R-precision", "map@r": "MAP@R"},
    scored="recall@1",
)
SHARED = {
    "train.knn_every": 0,
    "eval.retrieval": [1],
    "eval.few_labels": [],
    "eval.linear": {"weight_decay": [0.001], "max_iterations": 500},
}


@dataclass(frozen=True)
class Size:
    """Which frames, and how long they are trained on."""

    pictures: Pictures
    epochs: int
    seeds: tuple[int, ...]


SIZES = {
    FULL: Size(FILM, 8, (0, 1, 2, 3, 4)),
    "quick": Size(FILM, 1, (0, 1)),
    "tiny": Size(TINY_FILM, 1, (0,)),
}


def code(size: Size) -> str:
    """Digest of what a row rests on: the code and parameters of training and evaluation, and the frames."""
    stages, frames = Stages(Path()), Path("benchmarks/pictures/film.py").read_text(encoding="utf-8")
    settings = json.dumps([ARMS, SHARED, size.epochs, dict(size.pictures.changes)])
    parts = [stages.code("pretrain"), stages.code("evaluate"), SHIPPED.read_text(encoding="utf-8"), frames, settings]
    return digest(parts)


def main() -> None:
    asked = arguments(__doc__).parse_args().size
    size = SIZES[asked]
    rows = Rows(ROWS if asked == FULL else None, code(size))
    with tempfile.TemporaryDirectory() as folder:
        common = SHARED | {"train.epochs": size.epochs} | size.pictures.written(Path(folder, "pictures"))
        data = encode_into(Path(folder), with_changes(common))
        arms = {
            name: Arm(with_changes(common | (changes or {})), changes is not None) for name, changes in ARMS.items()
        }
        found = COMPARISON.run(arms, size.seeds, data=data, rows=rows)
    judged = COMPARISON.judge(found)
    about = f"{size.pictures.words}, {size.epochs} epochs; trained by commit {rows.commits}"
    text = COMPARISON.document(found, judged, about=about, how="benchmarks/film/__main__.py")
    if asked == FULL:
        write_text(TABLE, text)
    say(text)
    recall = {arm: differences["recall@1"] for arm, differences in judged.items()}
    tell({"less_image": {arm: [one.mean, one.margin, one.sign] for arm, one in recall.items()}}, asked)


if __name__ == "__main__":
    main()
