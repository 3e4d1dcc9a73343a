from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from contraflow.encoded.card import Amount, Card, spot_digest
from contraflow.encoded.claim import claim
from contraflow.encoded.kin import groups_of
from contraflow.encoded.names import CARD, COPIES, DATA, FILES, GROUPS, POSITIONS, ROLES, TEST, TRAIN, VALIDATION
from contraflow.encoded.splits import UNLABELLED
from contraflow.foundations.artefacts import atomic, fingerprint, read_json, sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import Reads, Setting, Settings, Writes
from contraflow.images.captions import write_texts
from contraflow.images.emoji import draw_emoji
from contraflow.images.facts import copies, earliest, leaks, mean_and_std
from contraflow.images.folder import read_folder
from contraflow.images.glyphs import draw_glyphs
from contraflow.images.image_set import ImageSet, Split
from contraflow.images.sources import SOURCES
from contraflow.images.splitting import draw_held_out
from contraflow.images.wordnet import read_wordnet
from contraflow.images.writer import write_beton
from contraflow.settings.values import named


@dataclass(frozen=True)
class Encoding(Settings):
    """Which images are encoded, and how."""

    name: Annotated[str, Setting("data.name")]
    path: Annotated[str, Setting("data.path")]
    table: Annotated[str | None, Setting("data.table")]
    limit: Annotated[int | None, Setting("data.limit")]
    image_size: Annotated[int | None, Setting("data.image_size")]
    jpeg_above: Annotated[int, Setting("data.jpeg_above")]
    skip_broken: Annotated[bool, Setting("data.skip_broken")]
    vocabulary: Annotated[int, Setting("data.vocabulary")]
    tokenizer: Annotated[str, Setting("data.tokenizer")]
    text_weights: Annotated[str, Setting("model.text.weights")]
    validation_fraction: Annotated[float, Setting("data.validation_fraction")]
    test_fraction: Annotated[float, Setting("data.test_fraction")]
    split_seed: Annotated[int, Setting("data.split_seed")]

    files_of: ClassVar = ("data.path", "data.tokenizer", "model.text.weights")
    how: ClassVar = files_of  # what they hold, not where this machine keeps them

    @property
    def folder(self) -> Path | None:
        """The user's own, in which the images lie; None of a known data set."""
        return None if self.name in SOURCES else Path(self.path)

    @property
    def text_model(self) -> Path | None:
        """The folder whose tokenizer texts are read with; None for another."""
        return named(self.text_weights)

    @property
    def own_tokenizer(self) -> Path | None:
        """The user's file, with which texts are read; None where a vocabulary is learned."""
        return named(self.tokenizer)

    @property
    def learns(self) -> bool:
        """Whether a vocabulary is learned."""
        return not (self.own_tokenizer or self.text_model)

    def files(self) -> list[Path]:
        return [path for path in (self.folder, self.own_tokenizer, self.text_model) if path]

    def made_from(self) -> dict[str, Any]:
        """Without the size of a vocabulary where none is learned."""
        found = super().made_from()
        return {name: value for name, value in found.items() if name != "data.vocabulary" or self.learns}


def encode(
    settings: Encoding,
    *,
    source: Annotated[Path, Reads("List of files that `fetch` wrote (.json).")] = Path("results/fetch/source.json"),
    card: Annotated[Path, Writes("Card to write; the images go beside it.", folder=True)] = Path(DATA),
) -> None:
    """Write the images to FFCV files, with a data card.

    Beside `card`, which is written last, lie `train.beton`, `test.beton`, `validation.npy`, of the training images
    `positions.npy` and `copies.npy`, of the test images `groups.npy` and `roles.npy`, and of both `texts.npz` and
    `tokenizer.json`.

    Raises:
        UserError: another process is writing there, `source` lists another data set or changed files, images of a
            folder are missing or broken, or there are too few of them, or as `read_tokenizer` and `own_tokenizer`.
    """
    out = card.parent
    with claim(out):
        card.unlink(missing_ok=True)  # it vouches for the other files, which are about to change
        _check_source(source, settings.name)
        images = _read(settings, source.parent, out)
        inputs = {"source.json": sha256(source)}
        _write(images, settings, out, Provenance.of_stage("encode", params=settings.made_from(), inputs=inputs))


def _write(images: ImageSet, data: Encoding, out: Path, provenance: Provenance) -> None:
    how = {"name": data.name, "fraction": data.validation_fraction, "seed": data.split_seed}
    validation = draw_held_out(images.train, images.test, classes=images.classes, **how)
    write_beton(out / TRAIN, images.train, "encode train")
    write_beton(out / TEST, images.test, "encode test")
    positions = images.train.positions
    _save(out / VALIDATION, validation)
    _save(out / POSITIONS, np.arange(len(images.train)) if positions is None else positions)
    groups = groups_of(images.test.positions, len(images.test))
    roles = np.full(len(images.test), "") if images.test.roles is None else images.test.roles
    _save(out / GROUPS, groups)
    _save(out / ROLES, roles)
    training = np.setdiff1d(np.arange(len(images.train)), validation, assume_unique=True)
    texts = write_texts(out, images.train, images.test, training, partial(_tokenizer, data), provenance)
    train, test = images.train.facts(), images.test.facts()
    first = earliest(train.digests)
    _save(out / COPIES, first)
    mean, std = mean_and_std(train.counts)
    leaked = leaks(test.digests, train.digests, images.test.names, images.train.names)
    if leaked.images:
        copy, original = leaked.listed[0]
        items, one = images.test.items, images.test.items.removesuffix("s")
        say(
            f"{leaked.images:,} of {len(images.test):,} test {items} are also among the training {items}, which "
            f"flatters every accuracy; {CARD} names them (test {one} {copy} equals training {one} {original})"
        )
    digests = {name: sha256(out / name) for name in FILES}
    Card(
        name=data.name,
        classes=list(images.classes),
        image_size=images.train.shape[0],
        channels=images.train.shape[2],
        mean=mean,
        std=std,
        train=_counts(images.train, len(images.classes)),
        validation=Amount(images=len(validation)),
        test=_counts(images.test, len(images.classes)),
        splits=images.splits,
        skipped=list(images.skipped),
        not_taken=images.not_taken,
        duplicates=copies(first, images.train.names),
        leaks=leaked,
        **({"texts": texts} if texts else {}),
        tested=_tested(images.test, groups, roles) if images.test.items == "texts" else digests[TEST],
        bytes={name: (out / name).stat().st_size for name in FILES},
        digests=digests,
        spots={name: spot_digest(out / name) for name in FILES},
        provenance=provenance,
    ).write(out / CARD)


def _tokenizer(data: Encoding, texts: list[str]) -> str:
    """Of a model folder, of the user's file, or learned from training texts."""
    from contraflow.encoded.tokens import own_tokenizer, read_tokenizer, train_tokenizer  # images alone are spared it

    if data.text_model:
        return read_tokenizer(data.text_model)
    return own_tokenizer(data.own_tokenizer) if data.own_tokenizer else train_tokenizer(texts, data.vocabulary)


def _tested(test: Split, groups: np.ndarray, roles: np.ndarray) -> str:
    """What makes the test of texts alone, and no training text: only which are of one group, not its number."""
    _, of_one = np.unique(groups, return_inverse=True)
    columns = {"labels": test.labels, "groups": of_one, "roles": roles}
    return fingerprint({"texts": test.texts} | {name: column.tolist() for name, column in columns.items()}, ())


def _check_source(source: Path, name: str) -> None:
    fetched, listed = source.parent, read_json(source)
    if listed["name"] != name:
        raise UserError(f"{fetched} holds {listed['name']}, but data.name is {name}: run the step fetch again")
    for file, digest in listed["files"].items():
        if not (fetched / file).is_file() or sha256(fetched / file) != digest:
            raise UserError(f"{fetched / file} is missing or was changed: run the step fetch again")


def _read(data: Encoding, fetched: Path, out: Path) -> ImageSet:
    if data.folder:
        return read_folder(
            data.name,
            data.folder,
            data.table,
            size=data.image_size,
            jpeg_above=data.jpeg_above,
            test_fraction=data.test_fraction,
            limit=data.limit,
            seed=data.split_seed,
            skip_broken=data.skip_broken,
            scratch=out,
        )
    read = {
        "glyphs": partial(draw_glyphs, size=data.image_size),
        "emoji": partial(draw_emoji, size=data.image_size),
        "wordnet": read_wordnet,
    }.get(data.name, partial(_read_known, data.name))
    whole = read(fetched)
    train, test = whole.train.first(data.limit).resized(data.image_size), whole.test.resized(data.image_size)
    return ImageSet(train, test, whole.classes)


def _read_known(name: str, fetched: Path) -> ImageSet:
    from contraflow.images.torchvision_sets import read_torchvision_set  # takes seconds, which others save

    return read_torchvision_set(name, fetched)


def _save(path: Path, array: np.ndarray) -> None:
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


def _counts(split: Split, classes: int) -> Amount:
    per_class = np.bincount(split.labels[split.labels != UNLABELLED], minlength=classes).tolist() if classes else []
    return Amount(images=len(split), per_class=per_class)
