"""How fast are two augmented views of each image made, beside torchvision, FFCV's own operations and a plain copy?

    python -m benchmarks.loader            medians of 5 rounds, about a quarter of an hour on two cores; writes
                                           result.json beside this file
    python -m benchmarks.loader --quick    of 1, some minutes, most of which FFCV's compiling takes

Two views with the full recipe of SimCLR (crop, flip, jitter of brightness, contrast, saturation and hue, grey, blur),
normalised, in batches of 256 (of 224 pixels: 32), as many threads or worker processes as there are cores:

    torchvision            its first transforms on Pillow images in a DataLoader, with Pillow's blur: as lightly does
    torchvision_v2         its second transforms on tensors in a DataLoader
    ffcv_builtin           FFCV with its own operations, which know no hue, grey and blur (colour only)
    contraflow             `ViewLoader`; contraflow_1_thread the same with one thread
    memory_copy            the bytes of the views in float32, copied from memory to memory by one thread

of Fashion-MNIST as contraflow stores it, in one channel (28), of the same stored as colour (28_rgb), of synthetic
colour images of 32 pixels whose spectrum is that of photos (32), and of such of 500x375 pixels and other sizes, stored
as JPEG, in views of 224 (224). Cases take turns within a round. Each ratio is between medians on the same images:
`ratio_to_torchvision_28` and its kin are contraflow over torchvision.

`train_ratio_to_in_memory` is training of the shipped parameters on Fashion-MNIST, fed by the loader over fed with one
batch over and over; `train_ratio_to_lightly` over lightly's loss, DataLoader and transforms with the same encoder,
batch and recipe (null where lightly is not installed). `first_batch_s` is from the end of the imports of a fresh
process to its first batch, kernels having been compiled before.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.command import FULL, arguments, tell
from benchmarks.commit import commit
from benchmarks.loader.pictures import fashion_mnist, natural, stored, write
from benchmarks.loader.recipe import SIMCLR
from benchmarks.loader.timing import Case, take_turns
from benchmarks.loader.training import training_cases
from benchmarks.loader.views import view_cases
from benchmarks.parameters import SHIPPED, with_changes
from benchmarks.rows import digest
from contraflow.devices import cores
from contraflow.foundations.artefacts import write_json
from contraflow.foundations.stages import Stages

RESULT = Path(__file__).with_name("result.json")
SIDES = ((375, 500), (500, 375), (333, 500), (480, 640))  # of the images stored as JPEG


@dataclass(frozen=True)
class Size:
    """Rounds, and how many batches of a slow and of a fast case each of them times; of 224 pixels as `_large`; of
    training as steps. Images in a batch; how many images there are, synthetic ones (None: those of Fashion-MNIST); and
    the sizes of images, of which FFCV takes half a minute to compile for each in colour."""

    rounds: int
    slow: int
    fast: int
    slow_large: int
    fast_large: int
    slow_steps: int
    fast_steps: int
    batch: int = 256
    batch_large: int = 32
    images: int | None = None
    sides: tuple[str, ...] = ("28", "28_rgb", "32", "224")


BATCHES = max(24, 6 * cores())  # of the images of 224 pixels: more than are made before their turn
SIZES = {
    FULL: Size(5, 8, 200, 6, 16, 4, 20),
    "quick": Size(1, 4, 60, 2, 8, 2, 6),
    "tiny": Size(1, 1, 2, 1, 2, 1, 1, batch=32, batch_large=2, images=32 * BATCHES, sides=("28",)),
}


def code() -> str:
    """Digest of what the figures rest on: the code and parameters of training, and what is measured here."""
    here = [file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("*.py"))]
    return digest([Stages(Path()).code("pretrain"), SHIPPED.read_text(encoding="utf-8"), *here])


def all_sizes(folder: Path, grey: np.ndarray, size: Size) -> Iterator[tuple[str, list[Case]]]:
    """The cases of each size of images, by name; files are written into `folder`."""
    colour = np.resize(natural(min(6_000, len(grey)), 32, 32, 0), (len(grey), 32, 32, 3))  # over and over
    small = {"28": grey, "28_rgb": np.repeat(grey, 3, axis=3), "32": colour}
    for name, pixels in small.items():
        if name not in size.sides:
            continue
        path = write(folder / f"{name}.beton", pixels)
        _, side, _, channels = pixels.shape
        yield name, view_cases(path, pixels, side, channels, SIMCLR, size.batch, size.slow, size.fast)
    if "224" not in size.sides:
        return
    count = BATCHES * size.batch_large
    photos = [natural(1, *SIDES[i % len(SIDES)], i)[0] for i in range(min(64, count))]
    path = write(folder / "224.beton", [photos[i % len(photos)] for i in range(count)], "jpg")
    yield "224", view_cases(path, stored(path), 224, 3, SIMCLR, size.batch_large, size.slow_large, size.fast_large)


def first_batch(path: Path, runs: int) -> float:
    """Median seconds to the first batch, over fresh processes."""
    command = [sys.executable, "-m", "benchmarks.loader.first_batch", str(path)]
    return median(
        float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout) for _ in range(runs)
    )


def main() -> None:
    asked = arguments(__doc__).parse_args().size
    size = SIZES[asked]
    grey = fashion_mnist() if size.images is None else natural(size.images, 28, 28, 0)[..., :1]
    with tempfile.TemporaryDirectory() as folder:
        sizes = all_sizes(Path(folder), grey, size)
        rates = {name: take_turns(cases, size.rounds, name) for name, cases in sizes}
        path = Path(folder, "28.beton")
        cases = training_cases(path, grey, with_changes({}), size.slow_steps, size.fast_steps)
        training = take_turns(cases, size.rounds, "training")
        seconds = first_batch(path, size.rounds)
    found = {f"ratio_to_torchvision_{name}": rate["contraflow"] / rate["torchvision"] for name, rate in rates.items()}
    found["ratio_to_memcpy_28"] = rates["28"]["contraflow"] / rates["28"]["memory_copy"]
    found["train_ratio_to_in_memory"] = training["contraflow"] / training["batch_in_memory"]
    lightly = training.get("lightly")
    found["train_ratio_to_lightly"] = training["contraflow"] / lightly if lightly else None
    found = {name: value and round(value, 3) for name, value in found.items()}
    per_second = {
        name: {case: round(rate) for case, rate in by_case.items()}
        for name, by_case in {**rates, "training": training}.items()
    }
    found |= {"first_batch_s": round(seconds, 2), "images_per_s": per_second}
    if asked == FULL:
        write_json(RESULT, {"code": code(), "commit": commit(), **found})
    tell(found, asked)


if __name__ == "__main__":
    main()
