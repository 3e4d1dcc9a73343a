"""The step `encode`: a data set's images as FFCV files, with a data card."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from contraflow.artefacts import atomic, read_json, sha256
from contraflow.encoded.card import CARD, FILES, Card, spot_digest
from contraflow.encoded.claim import claim
from contraflow.encoded.splits import draw_validation
from contraflow.errors import UserError
from contraflow.images.facts import copies, leaks, mean_and_std
from contraflow.images.folder import read_folder
from contraflow.images.image_set import ImageSet, Split
from contraflow.images.listing import UNLABELLED
from contraflow.images.torchvision_sets import read_images
from contraflow.images.writer import write_beton
from contraflow.params import Params
from contraflow.progress import say
from contraflow.stages import chosen, code_digest

READS = (
    *("data.name", "data.path", "data.table", "data.limit", "data.image_size", "data.jpeg_above", "data.skip_broken"),
    *("data.validation_fraction", "data.test_fraction", "data.split_seed"),
)
FEWEST_TRAIN_IMAGES = 4


def encode(params: Params, *, fetched: Path, out: Path) -> None:
    """Write `train.beton`, `test.beton`, `validation.npy`, `positions.npy` and, last, `card.json` into `out`.

    Raises:
        UserError: another process is writing `out`, `fetched` holds another data set or changed files, images of a
            folder are missing or broken, or there are too few of them.
    """
    data = params.only(*READS).data
    with claim(out):
        (out / CARD).unlink(missing_ok=True)  # it vouches for the other files, which are about to change
        _check_source(fetched, data.name)
        images = _read(data, fetched, out)
        provenance = {
            "step": "encode",
            "code": code_digest("encode"),
            # what the images are, not where this machine keeps them
            "params": chosen(params.model_dump(), [name for name in READS if name != "data.path"]),
            "inputs": {"source.json": sha256(fetched / "source.json")},
        }
        _write(images, data, out, provenance)


def _write(images: ImageSet, data: SimpleNamespace, out: Path, provenance: dict) -> None:
    n = len(images.train)
    candidates = np.flatnonzero(images.train.labels != UNLABELLED) if images.classes else np.arange(n)
    if len(candidates) < FEWEST_TRAIN_IMAGES:
        what = "labelled training images" if len(candidates) < n else "training images"
        raise UserError(f"{data.name} gives {len(candidates)} {what}, but at least {FEWEST_TRAIN_IMAGES} are needed")
    write_beton(out / "train.beton", images.train, "encode train")
    write_beton(out / "test.beton", images.test, "encode test")
    validation = draw_validation(candidates, fraction=data.validation_fraction, seed=data.split_seed)
    _save(out / "validation.npy", validation)
    _save(out / "positions.npy", np.arange(n) if images.train.positions is None else images.train.positions)
    train, test = images.train.facts(), images.test.facts()
    mean, std = mean_and_std(train.counts)
    leaked = leaks(test.digests, train.digests, images.test.names, images.train.names)
    if leaked["images"]:
        _say_leak(leaked, len(images.test))
    Card(
        name=data.name,
        classes=list(images.classes),
        image_size=images.train.shape[0],
        channels=images.train.shape[2],
        mean=mean,
        std=std,
        train=_counts(images.train, len(images.classes)),
        validation={"images": len(validation)},
        test=_counts(images.test, len(images.classes)),
        skipped=list(images.skipped),
        duplicates=copies(train.digests, images.train.names),
        leaks=leaked,
        bytes={name: (out / name).stat().st_size for name in FILES},
        digests={name: sha256(out / name) for name in FILES},
        spots={name: spot_digest(out / name) for name in FILES},
        provenance=provenance,
    ).write(out)


def _check_source(fetched: Path, name: str) -> None:
    source = read_json(fetched / "source.json")
    if source["name"] != name:
        raise UserError(f"{fetched} holds {source['name']}, but data.name is {name}: run the step fetch again")
    for file, digest in source["files"].items():
        if not (fetched / file).is_file() or sha256(fetched / file) != digest:
            raise UserError(f"{fetched / file} is missing or was changed: run the step fetch again")


def _read(data: SimpleNamespace, fetched: Path, out: Path) -> ImageSet:
    if data.name == "folder":
        return read_folder(
            Path(data.path).expanduser(),
            data.table,
            size=data.image_size,
            jpeg_above=data.jpeg_above,
            test_fraction=data.test_fraction,
            limit=data.limit,
            seed=data.split_seed,
            skip_broken=data.skip_broken,
            scratch=out,
        )
    whole = read_images(data.name, fetched)
    train, test = whole.train.first(data.limit).resized(data.image_size), whole.test.resized(data.image_size)
    return ImageSet(train, test, whole.classes)


def _save(path: Path, array: np.ndarray) -> None:
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


def _say_leak(leaked: dict, images: int) -> None:
    test, train = leaked["listed"][0]
    say(
        f"{leaked['images']:,} of {images:,} test images are also among the training images, which flatters every "
        f"accuracy; {CARD} names them (test image {test} equals training image {train})"
    )


def _counts(split: Split, classes: int) -> dict:
    per_class = np.bincount(split.labels[split.labels != UNLABELLED], minlength=classes).tolist() if classes else []
    return {"images": len(split), "per_class": per_class}
