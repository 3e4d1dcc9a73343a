"""The steps that are measured, each on files that those before it left in one folder."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.parameters import with_changes
from benchmarks.scale import drawn
from benchmarks.steps import pretrain_into
from contraflow.devices import cores
from contraflow.encoded.beton import open_beton
from contraflow.encoded.card import EncodedData
from contraflow.encoded.names import CARD
from contraflow.foundations.arrays import load_arrays, save_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.mining import search
from contraflow.mining.mining_pass import MiningPass
from contraflow.params import Params
from contraflow.steps.encode import Encoding, encode
from contraflow.steps.fetch import Fetching, fetch
from contraflow.steps.mine import mine as mining
from contraflow.steps.mine import train_mined
from contraflow.views import device_loader
from contraflow.views.batch import Batch
from contraflow.views.items import item_views
from contraflow.views.loader import ViewLoader

SEED, BATCH, ANCHORS, K = 0, 512, 10_000, 8
TRAINED = 200_000  # images of an epoch, at most, in whole batches
OUT = {"encoder": "encoder.safetensors", "history": "history.csv", "state": "state"}
CLUSTER = 100  # images among whom a drawn table has an image's negatives
SHARED = {
    "data.name": drawn.NAME,
    "train.epochs": 1,
    "train.batch_size": BATCH,
    "mining.exact_up_to": 0,  # by inverted lists, whatever the number
    "mining.fn_share": 1e-5,  # 100 of ten million: the shipped share would suspect more than mining.candidates
}
Figures = dict[str, float]


def params(images: int) -> Params:
    """Shipped parameters but for those of `SHARED`, with shards of about so many anchors."""
    return with_changes(SHARED | {"mining.shards": max(1, images // ANCHORS)})


def card(folder: Path) -> Path:
    return folder / "encode" / CARD


def draw(folder: Path, images: int) -> Figures:
    drawn.write_known(folder / "fetch", images)
    return {}


def encode_known(folder: Path, images: int) -> Figures:
    """Files of a known data set, which torchvision reads whole, become `.beton` files."""
    encode(Encoding.of(params(images)), source=folder / "fetch/source.json", card=card(folder))
    return {}


def start(folder: Path, images: int) -> Figures:
    """From nothing to the first batch of a training."""
    data = EncodedData.open(card(folder))
    next(iter(_loader(params(images), data).epoch(0)))
    return {}


def pretrain(folder: Path, images: int) -> Figures:
    """The beginning of an epoch."""
    with beginning() as trained:
        pretrain_into(folder, params(images), seed=SEED, data=card(folder))
    return {"trained": sum(trained)}


def mine(folder: Path, images: int) -> Figures:
    """One shard: all images are embedded and put into lists, and its anchors' negatives are searched."""
    settings = mining.MiningSettings.of(params(images))
    with timed(search, "_approximate_way") as lists, timed(mining, "mine_negatives") as both:
        mining.mine(
            settings,
            encoder=folder / "encoder.safetensors",
            data=card(folder),
            negatives=folder / "shard.npz",
            threads=cores(),
            shard=0,
        )
    arrays, found = load_arrays(folder / "shard.npz", MiningPass)
    return {
        "anchors": len(arrays["anchor"]),
        "recall": found.recall,
        "lists_s": lists[0],
        "queries_s": both[0] - lists[0],
    }


def draw_table(folder: Path, images: int) -> Figures:
    """A table as the passes of all shards leave it, of negatives drawn from each image's own cluster."""
    data, random = EncodedData.open(card(folder)), np.random.default_rng(0)
    anchor, n = data.training, len(data.training)
    clusters = max(1, n // CLUSTER)
    negative = np.empty((n, K), np.int32)
    for place in np.array_split(np.arange(n), -(-n // 100_000)):
        drawn_places = place[:, None] % clusters + clusters * random.integers(n // clusters, size=(len(place), K))
        negative[place] = anchor[np.minimum(drawn_places, n - 1)]
    inputs = {"data": data.digest, "encoder": sha256(folder / "encoder.safetensors")}
    made_from = MiningPass.of_stage("mine", seed=SEED, round=1, params={}, inputs=inputs, search="ivf", recall=1.0)
    numbers = {name: np.zeros(n, kind) for name, kind in (("positive", "f4"), ("known", "i4"), ("suspected", "i4"))}
    numbers |= {"similarity": np.zeros((n, K), np.float32), "rank": np.zeros((n, K), np.int32)}
    save_arrays(folder / "negatives.npz", made_from, anchor=anchor, negative=negative, **numbers)
    return {}


def train(folder: Path, images: int) -> Figures:
    """The beginning of an epoch whose batches are composed of the table: of all images, `compose_s`."""
    (folder / "mined").mkdir()
    out = {name: folder / "mined" / file for name, file in OUT.items()}
    with beginning() as trained, timed(train_mined, "_composed") as composed:
        train_mined.train_mined(
            train_mined.MinedTraining.of(params(images)),
            start=folder / OUT["encoder"],
            before=folder / OUT["history"],
            negatives=folder / "negatives.npz",
            data=card(folder),
            threads=cores(),
            **out,
        )
    return {"trained": sum(trained), "compose_s": sum(composed)}


def draw_folder(folder: Path, images: int) -> Figures:
    drawn.write_folder(folder / "images", images)
    fetch(Fetching.of(_of_folder(folder)), source=folder / "fetch/source.json")
    return {}


def encode_folder(folder: Path, images: int) -> Figures:
    """A folder of PNG files, in class folders, becomes `.beton` files."""
    encode(Encoding.of(_of_folder(folder)), source=folder / "fetch/source.json", card=card(folder))
    return {}


def _of_folder(folder: Path) -> Params:
    return with_changes({"data.name": "folder", "data.path": str(folder / "images"), "data.image_size": drawn.SIDE})


def draw_sparse(folder: Path, images: int) -> Figures:
    from benchmarks.scale.sparse import write_sparse  # ffcv sets torch to one thread

    write_sparse(folder / "sparse.beton", images)
    return {}


def views(folder: Path, images: int) -> Figures:
    """An epoch of two views of each image of a sparse file of 3,072 bytes an image."""
    settings, file = params(images), folder / "sparse.beton"
    how = {"seed": SEED, "batch_size": BATCH, "threads": cores(), "mean": [0.5] * 3, "std": [0.25] * 3}
    for _ in ViewLoader(file, settings.augment.chosen().whole(), **how).epoch(0):
        pass
    return {"file_mb": file.stat().st_size / 2**20}


def open_file(folder: Path, images: int) -> Figures:
    """The file of the training images is opened and checked."""
    open_beton(EncodedData.open(card(folder)).train_beton)
    return {"file_mb": (folder / "encode/train.beton").stat().st_size / 2**20}


def _loader(settings: Params, data: EncodedData) -> ViewLoader:
    recipes = settings.augment.chosen().whole()
    how = {"seed": SEED, "batch_size": BATCH, "threads": cores(), "indices": data.training}
    return item_views(data, "train", recipes, **how)


@contextmanager
def beginning() -> Iterator[list[int]]:
    """Epochs end after `TRAINED` images; how many each has, in a list of its own."""
    batches, trained = TRAINED // BATCH, []

    class Beginning(ViewLoader):
        def __len__(self) -> int:
            return min(super().__len__(), batches)

        def epoch(self, epoch: int, **how) -> Iterator[Batch]:
            trained.append(len(self) * self.batch_size)
            return islice(super().epoch(epoch, **how), len(self))

    whole, device_loader.ViewLoader = device_loader.ViewLoader, Beginning
    try:
        yield trained
    finally:
        device_loader.ViewLoader = whole


@contextmanager
def timed(module: object, name: str) -> Iterator[list[float]]:
    """Seconds that the calls of a function of a module take, in a list of its own."""
    function, seconds = getattr(module, name), []

    def clocked(*args, **kwargs):
        begin = time.monotonic()
        try:
            return function(*args, **kwargs)
        finally:
            seconds.append(time.monotonic() - begin)

    setattr(module, name, clocked)
    try:
        yield seconds
    finally:
        setattr(module, name, function)


# In this order on one folder, and whether each is measured: the others only draw what the next one reads.
Steps = dict[str, tuple[Callable[[Path, int], Figures], bool]]
OF_KNOWN: Steps = {
    "draw": (draw, False),
    "encode": (encode_known, True),
    "open": (open_file, True),
    "start": (start, True),
    "pretrain": (pretrain, True),
    "mine": (mine, True),
    "draw table": (draw_table, False),
    "train mined": (train, True),
}
OF_FOLDER: Steps = {"draw folder": (draw_folder, False), "encode folder": (encode_folder, True)}
OF_SPARSE: Steps = {"draw sparse": (draw_sparse, False), "views": (views, True)}
STEPS = OF_KNOWN | OF_FOLDER | OF_SPARSE
