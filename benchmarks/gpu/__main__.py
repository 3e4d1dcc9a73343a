"""How fast are views and trainings on a card, how much of it do they use, and how soon does a training come how far?

    python -m benchmarks.gpu            medians of 3 rounds and one training, minutes; writes result.json beside it
    python -m benchmarks.gpu --quick    of 1, and a tenth of the epochs

Images a second of a ResNet-18 for 32 pixels, SimCLR's recipe of views, batches of 512, on synthetic colour images whose
spectrum is that of photos:

    loader             views made by all cores of the CPU (`ViewLoader`), which stay there
    views_on_device    views made on the card (`DeviceViewLoader`)
    contraflow         training on these
    batch_in_memory    the same on one batch that lies ready on the card
    lightly            lightly's loss, DataLoader and transforms with the same encoder and batch (null where it is not
                       installed)

`share_of_peak` is what the steps of `contraflow` compute a second (floating-point operations of convolutions and matrix
products, as torch counts them) over what one large matrix product does in the same precision: the peak that the card
reaches, not the one of its data sheet.

Then a ResNet-18 learns pictures for about three minutes: CIFAR-10 where `data/` has its archive, else the emoji that
Debian packs (`data.name: emoji`, 2,741 training pictures of 99 classes), since nothing is fetched here. `accuracy` is
its 20-NN accuracy on validation pictures over the seconds of the training, of which each epoch is given an equal share,
and `test` what is found of the test pictures in the end.

Where there is no card, --tiny runs it all on the CPU, and nothing else does.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.command import FULL, arguments, tell
from benchmarks.commit import commit
from benchmarks.gpu.peak import operations, peak
from benchmarks.loader.pictures import natural, write
from benchmarks.loader.timing import Case, epochs_of, take_turns
from benchmarks.loader.training import WARM, training_cases
from benchmarks.parameters import SHIPPED, with_changes
from benchmarks.pictures import TINY, Pictures
from benchmarks.rows import digest
from benchmarks.steps import encode_into, evaluated, pretrain_into
from contraflow.devices import cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.foundations.artefacts import write_json
from contraflow.foundations.stages import Stages
from contraflow.params import Params
from contraflow.views.device_loader import DeviceViewLoader
from contraflow.views.loader import ViewLoader

RESULT = Path(__file__).with_name("result.json")
SIDE = 32  # pixels
CIFAR10 = Pictures("cifar10", "CIFAR-10", {"data.name": "cifar10"})
NOTO = Pictures("emoji", "emoji of Google's Noto font", {"data.name": "emoji"})
ARCHIVE = Path("data/cifar-10-python.tar.gz")


@dataclass(frozen=True)
class Size:
    """Rounds, and how many batches of lightly and of the others each of them times; seconds that the training is to
    take; images in a batch, and synthetic ones; the pictures that it sees, None for those that are there; the encoder;
    and the side of the matrices whose product is the peak."""

    rounds: int
    slow: int
    fast: int
    seconds: float
    batch: int = 512
    images: int = 50_000
    pictures: Pictures | None = None
    encoder: str = "resnet18"
    matrix: int = 8192

    @property
    def shown(self) -> Pictures:
        """The pictures that a training sees."""
        return self.pictures or (CIFAR10 if ARCHIVE.is_file() else NOTO)

    def params(self, changes: Mapping[str, object]) -> Params:
        """The shipped ones with these and the encoder's and the batch's own."""
        own = {"model.encoder": self.encoder, "train.batch_size": self.batch, "eval.few_labels": []}
        return with_changes({**changes, **own})


SIZES = {
    FULL: Size(3, 4, 60, seconds=180),
    "quick": Size(1, 2, 30, seconds=18),
    "tiny": Size(1, 1, 2, seconds=0, batch=16, images=160, pictures=TINY, encoder="small", matrix=64),
}


def code() -> str:
    """Digest of what the figures rest on: the code and parameters of training and evaluation, and what is measured."""
    stages, here = Stages(Path()), Path(__file__).parent
    files = [*sorted(here.glob("*.py")), *sorted(here.parent.joinpath("loader").glob("*.py")), SHIPPED]
    texts = [file.read_text(encoding="utf-8") for file in files]
    return digest([stages.code("pretrain"), stages.code("evaluate"), *texts])


def rates(folder: Path, size: Size, device: torch.device) -> dict[str, object]:
    """Images a second of each case, and the share of the card's peak."""
    params = size.params({**size.shown.changes, "augment.recipe": "simclr"})
    images = np.resize(natural(min(6_000, size.images), SIDE, SIDE, 0), (size.images, SIDE, SIDE, 3))  # over and over
    path = write(folder / "images.beton", images)
    steps = training_cases(path, images, params, size.slow, size.fast, device)
    found = take_turns([*view_cases(path, params, size.fast, device), *steps], size.rounds, str(device))
    each = operations(next(case for case in steps if case.name == "batch_in_memory"))
    share = found["contraflow"] * each / peak(size.matrix, params.train.precision, device)
    lightly = found.get("lightly")
    return {
        "train_ratio_to_in_memory": round(found["contraflow"] / found["batch_in_memory"], 3),
        "train_ratio_to_lightly": lightly and round(found["contraflow"] / lightly, 3),
        "share_of_peak": round(share, 4),
        "operations_per_image": round(each),
        "images_per_s": {name: round(rate) for name, rate in found.items()},
    }


def view_cases(path: Path, params: Params, batches: int, device: torch.device) -> list[Case]:
    """Both views of each image, by all cores of the CPU and by the device."""
    size, recipes = params.train.batch_size, params.augment.chosen().whole()
    options = {"seed": 0, "batch_size": size, "threads": cores(), "mean": [0.5] * 3, "std": [0.25] * 3}
    loaders = {
        "loader": ViewLoader(path, recipes, **options),
        "views_on_device": DeviceViewLoader(path, recipes, device=device, **options),
    }
    return [Case(name, epochs_of(loader), size, WARM, batches) for name, loader in loaders.items()]


def training(folder: Path, size: Size, pictures: Mapping, data: Path, images_per_s: float) -> dict[str, object]:
    """Accuracy over the time of a training, and on the test images at its end."""
    epochs = max(1, round(size.seconds * images_per_s / len(EncodedData.open(data).training)))
    params = size.params({**pictures, "train.epochs": epochs, "train.knn_every": max(1, epochs // 20)})
    began = time.monotonic()
    pretrain_into(folder, params, seed=0, data=data)
    seconds = time.monotonic() - began
    history = pd.read_csv(folder / "history.csv").dropna(subset="knn")
    told = zip(history.epoch * seconds / epochs, history.knn, strict=True)
    checkpoint = folder / "encoder.safetensors"
    test = evaluated(params, "encoder-seed0", data=data, checkpoint=checkpoint, folder=folder).test
    return {
        "pictures": size.shown.words,
        "epochs": epochs,
        "accuracy": [[round(second, 1), round(accuracy, 4)] for second, accuracy in told],
        "test": {name: round(test[name], 4) for name in ("linear", "knn20")},
    }


def main() -> None:
    asked = arguments(__doc__).parse_args().size
    size = SIZES[asked]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lease() as (device,):
            if device.type != "cuda" and asked != "tiny":
                raise SystemExit("benchmarks.gpu needs a CUDA card, and there is none; --tiny runs on the CPU")
            found = {"card": torch.cuda.get_device_name(device) if device.type == "cuda" else None}
            pictures = size.shown.written(folder / "pictures")
            data = encode_into(folder, size.params(pictures))
            found |= rates(folder, size, device)
        found |= training(folder, size, pictures, data, found["images_per_s"]["contraflow"])
    if asked == FULL:
        write_json(RESULT, {"code": code(), "commit": commit(), **found})
    tell(found, asked)


if __name__ == "__main__":
    main()
