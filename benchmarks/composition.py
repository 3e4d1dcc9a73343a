"""How composition meets negatives: how many of its mined negatives an image shares its batch with, and what that costs.

    python -m benchmarks.composition            minutes on two cores; writes composition.csv
    python -m benchmarks.composition --quick    2,000 images of each data set, 100,000 drawn ones; writes nothing

Negatives are mined as shipped, by cosine from 64 principal components of the pixels, of the training images of
Fashion-MNIST and of glyphs, whose pictures of one character are known to be no negatives of each other. Each row is an
order of the first epoch cut into batches of 128, by `mining.neighbourhood`: the mean of those met, of 8, and the share
of images that meet none.

A million drawn images, in clusters of 100 with 8 negatives each from its own cluster, show time and memory: seconds of
an order, and the peak beyond the table of negatives, in a process of its own.

Each row is one of the file as soon as it is measured; started again, rows of the same code are taken as they are.
"""

import json
import subprocess
import sys
import tempfile
import time
from functools import cache, partial
from pathlib import Path

import numpy as np

from benchmarks.command import FULL, arguments, tell
from benchmarks.memory import peak_mb
from benchmarks.parameters import with_changes
from benchmarks.pictures import FASHION_MNIST, GLYPHS, TINY, Pictures
from benchmarks.rows import Rows, digest
from benchmarks.steps import encode_into
from contraflow.devices import cores
from contraflow.encoded.card import EncodedData
from contraflow.encoded.kin import Kin
from contraflow.encoded.pixels import read_images
from contraflow.evaluation.raw_pixels import principal_components
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages
from contraflow.mining.apart import never_negatives
from contraflow.mining.composition import Composition
from contraflow.mining.negatives import mine_negatives
from contraflow.mining.settings import Mining
from contraflow.neighbours.bank import unit
from contraflow.steps.mine.mine import MiningSettings

TABLE = Path(__file__).with_suffix(".csv")
NEIGHBOURHOODS = (1, 4, 8, 16, 32, 128)
BATCH, COMPONENTS, K, CLUSTER = 128, 64, 8, 100
BY_LABEL = {"positives.from": "label"}
SIZES = {  # data sets with what differs from params.yaml, their images (None: all), drawn images
    FULL: ({FASHION_MNIST: {}, GLYPHS: BY_LABEL}, None, 1_000_000),
    "quick": ({FASHION_MNIST: {}, GLYPHS: BY_LABEL}, 2_000, 100_000),
    "tiny": ({TINY: {}}, 64, 1_000),
}


def mined(pictures: Pictures, changes: dict, images: int | None) -> Composition:
    """The negatives of a data set's training images, to be composed of single images."""
    with tempfile.TemporaryDirectory() as folder:
        written = pictures.written(Path(folder, "pictures"))
        params = with_changes(written | changes | {"data.limit": images})
        data = EncodedData.open(encode_into(Path(folder), params))
        settings, training = MiningSettings.of(params), data.training
        pixels = read_images(data.train_beton, training, data.card.image_size).reshape(len(training), -1)
        kin = settings.kin(data)
        apart = never_negatives(data, kin, settings.window)
    pixels = pixels.astype(np.float32) / 255
    features = unit(principal_components(pixels)(pixels)[:, :COMPONENTS].astype(np.float32))
    among, own = [each.among(training) for each in apart], kin and kin.among(training)
    views = np.zeros((len(training), 1, features.shape[1]), np.float32)  # of positives that nobody asks for here
    found = mine_negatives(
        features, among, params.mining, seed=0, number=1, kin=own, views=views, threads=cores()
    ).negative
    negative = np.where(found < 0, -1, training[found])
    return Composition(training, negative, apart, neighbourhood=1, seed=0)


def meeting(composition: Composition, neighbourhood: int) -> dict:
    """How many negatives an image meets, and the share of images that meet none."""
    composed = Composition(**(vars(composition) | {"neighbourhood": neighbourhood}))
    met = composed.meets(composed.order(epoch=0), min(BATCH, len(composed.anchor)))
    return {"meets": met.mean(), "meets_none": (met == 0).mean()}


def drawn(images: int, neighbourhood: int) -> dict:
    """What an order of so many drawn images costs: seconds, and MB beyond the table of negatives."""
    random, clusters = np.random.default_rng(0), images // CLUSTER
    anchor, negative = np.arange(images), np.empty((images, K), np.int32)
    for part in np.array_split(anchor, -(-images // 10_000)):  # a peak of its own would hide that of the order
        negative[part] = part[:, None] % clusters + clusters * random.integers(CLUSTER, size=(len(part), K))
    apart = [Kin(anchor)]
    Composition(anchor[:2], np.array([[1], [0]]), apart, neighbourhood, 0).order(0)  # compiles
    before, start = peak_mb(), time.monotonic()
    composed = Composition(anchor, negative, apart, neighbourhood, 0)
    order = composed.order(0)
    seconds, peak = time.monotonic() - start, peak_mb() - before
    met = composed.meets(order, BATCH)
    return {"meets": met.mean(), "meets_none": (met == 0).mean(), "seconds": seconds, "peak_mb": peak}


def in_a_process(images: int) -> dict:
    """What `drawn` measures with the shipped neighbourhood, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.composition", "--drawn", str(images)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def code() -> str:
    """Digest of what a row rests on."""
    files = Path(__file__), Path("params.yaml")
    return digest([Stages(Path()).code("mine"), *(file.read_text(encoding="utf-8") for file in files)])


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--drawn", type=int, help="only so many drawn images, in this process")
    asked = parser.parse_args()
    if asked.drawn:
        print(json.dumps(drawn(asked.drawn, Mining().neighbourhood)))
        return
    sets, limit, many = SIZES[asked.size]
    rows, found = Rows(TABLE if asked.size == FULL else None, code()), {}
    for pictures, changes in sets.items():
        table = cache(partial(mined, pictures, changes, limit))
        for neighbourhood in NEIGHBOURHOODS:
            key = {"data": pictures.name, "neighbourhood": neighbourhood}
            row = rows.get(key, lambda n=neighbourhood, table=table: meeting(table(), n))
            say("{data} · neighbourhood {neighbourhood} · meets {meets:.2f} of 8, {meets_none:.0%} none".format(**row))
            found[f"{pictures.name} {neighbourhood}"] = round(row["meets"], 3)
    key = {"data": f"{many:,} drawn", "neighbourhood": Mining().neighbourhood}
    row = rows.get(key, lambda: in_a_process(many))
    say("{data} · meets {meets:.2f} · {seconds:.1f} s · {peak_mb:,.0f} MB".format(**row))
    tell({"meets": found, "seconds": row["seconds"], "peak_mb": row["peak_mb"]}, asked.size)


if __name__ == "__main__":
    main()
