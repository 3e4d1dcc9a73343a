from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.devices import job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.encoded.kin import Kin, kin_of
from contraflow.foundations.arrays import load_arrays, on_disk, save_arrays
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say, track
from contraflow.foundations.signature import CardIn, Option, Reads, Setting, Settings, Threads, Writes
from contraflow.methods.parts.registry import source_of
from contraflow.methods.parts.settings import WITH_TEXTS, Positives
from contraflow.mining.apart import never_negatives
from contraflow.mining.figures import PassFigures
from contraflow.mining.judges import Guide
from contraflow.mining.mining_pass import MiningPass
from contraflow.mining.negatives import NONE, mine_negatives, require_reach
from contraflow.mining.positives import known_positives
from contraflow.mining.settings import HOW, UNREAD, Mining
from contraflow.models.checkpoint import Checkpoint, load_encoder
from contraflow.models.embed import finite_features
from contraflow.models.text import vectors_of
from contraflow.models.towers import load_towers
from contraflow.neighbours.bank import unit
from contraflow.views.items import item_loader, item_views
from contraflow.views.settings import Augment, ViewRecipe

EMBEDDING_BATCH = 500
T = TypeVar("T")


@dataclass(frozen=True)
class MiningSettings(Settings):
    """What a mining pass reads."""

    augment: Augment
    window: Annotated[int, Setting("negatives.exclude_window")]
    method: Annotated[str, Setting("method.name")]
    positives: Positives
    labelled_fraction: Annotated[float, Setting("data.labelled_fraction")]
    split_seed: Annotated[int, Setting("data.split_seed")]
    mining: Mining

    how: ClassVar = HOW
    unread: ClassVar = UNREAD
    files_of: ClassVar = ("mining.guide",)

    def files(self) -> list[Path]:
        return [self.mining.guiding] if self.mining.guiding else []

    def kin(self, data: EncodedData) -> Kin | None:
        """Which images are known to be each other's positives."""
        source, window = source_of(self.method, self.positives), self.positives.window
        known = {"labelled_fraction": self.labelled_fraction, "split_seed": self.split_seed}
        return kin_of(data, source, window=window, **known)


def mine(
    settings: MiningSettings,
    *,
    encoder: Annotated[Path, Reads("Checkpoint (.safetensors).")],
    data: CardIn,
    negatives: Annotated[Path, Writes("Table to write (.npz).")],
    threads: Threads,
    shards: Annotated[list[Path], Reads("Table of a shard; those of all are put together.")] = (),
    shard: Annotated[int | None, Option("Mine for this one of mining.shards shares of the images.", least=0)] = None,
) -> None:
    """Find the hard negatives of every training image with one encoder.

    The table has the arrays anchor (M,), negative, similarity and rank (M, k), positive, known and suspected (M,), of
    which `mining.negatives.MinedNegatives` tells, anchors and negatives as indices into `train.beton`; its provenance
    says the rest. Validation images are neither anchors nor negatives, and images that show the same
    (`positives.from`), copies and those of whom the same is said are not each other's. Images that are trained beside
    their texts are compared through these. Where `mining.guide` names another encoder, that says who is suspected.
    Features and inverted lists lie on the disk of `negatives`, not in memory. A table of how similar positives and
    negatives are, and of what was left out, is printed.

    Args:
        shard: Only for this one, from 0, of `mining.shards` shares of the images. Each embeds all images, which is a
            sixth of an epoch's work, and searches for its own.
        shards: Where there are tables of all shards, these are put together, to the bytes of a table mined at once.

    Raises:
        UserError: the encoder was trained on other data, the guide takes other images, features are not finite, or
            `mining.k` asks for more images than are left (`require_reach`: before any is embedded); a shard's table is
            damaged, or of another encoder, guide, data set or division.
    """
    encoded, mining = EncodedData.open(data), settings.mining
    inputs = {"data": encoded.digest, "encoder": sha256(encoder)}
    if mining.guiding:
        inputs["guide"] = sha256(mining.guiding)
    if shards:
        _merge(shards, mining.shards, inputs, out=negatives)
        _tell(negatives, mining.false_negatives)
        return
    require_reach(mining, len(encoded.training))
    torch.set_num_threads(job_cores())
    network, text, made_from = _load(encoder, settings.method)
    made_from.require(encoder, data=encoded.digest)
    other = load_encoder(mining.guiding) if mining.guiding else None
    if other:
        size, channels = encoded.card.image_size, encoded.card.channels
        other[1].require_images(f"mining.guide, {mining.guiding},", size=size, channels=channels)
    seed, number = made_from.seed, made_from.round + 1
    training, kin = encoded.training, settings.kin(encoded)
    apart = never_negatives(encoded, kin, settings.window, None if text is None else text.context)
    kin = kin and kin.among(training)
    rows = range(len(training)) if shard is None else _share(len(training), shard, mining.shards)
    views_asked = mining.false_negatives == "views" or not known_positives(kin, len(training)).all()
    recipes = settings.augment.chosen().whole()
    recipes = [recipes[view % len(recipes)] for view in range(mining.positives)]
    with lease() as (device,):
        embedding = _Embedding(encoded, recipes, rows, seed, number, threads, device, beside=negatives)
        called = f"the encoder of seed {seed} ({encoder})"
        features, views = embedding.of(network, made_from, called, with_views=views_asked and text is None)
        texts = guide = None
        if text is not None:
            texts = embedding.of_texts(text, called)
            views = texts[rows.start : rows.stop, None]
        if other:
            judging = views_asked and mining.false_negatives in ("views", "relative")
            guide = Guide(*embedding.of(*other, f"mining.guide ({mining.guiding})", with_views=judging))
        found = mine_negatives(
            features,
            [each.among(training) for each in apart],
            mining,
            seed=seed,
            number=number,
            kin=kin,
            anchors=rows,
            views=views,
            guide=guide,
            texts=texts,
            device=device,
            threads=job_cores(),
            beside=negatives,
        )
    provenance = MiningPass.of_stage(
        "mine",
        seed=seed,
        round=number,
        params=settings.made_from(),
        inputs=inputs,
        search=found.search,
        recall=round(found.recall, 4),
        shard=None if shard is None else [shard, mining.shards],
    )
    save_arrays(
        negatives,
        provenance,
        anchor=training[rows.start : rows.stop],
        negative=np.where(found.negative == NONE, NONE, training[found.negative]).astype(np.int32),
        **{name: getattr(found, name) for name in ("similarity", "rank", "positive", "known", "suspected")},
    )
    if shard is None:
        _tell(negatives, mining.false_negatives)


@dataclass(frozen=True)
class _Embedding:
    """How the images of a pass are embedded, by whichever encoder.

    Attributes:
        data: Encoded images, of which all that are trained on are embedded.
        recipes: Of the views of each anchor.
        anchors: The rows, among the images that are trained on, that negatives are mined for.
        seed, number: Of the training and of the round.
        threads: CPU threads that load images.
        device: Where the encoder computes.
        beside: The file on whose disk features lie.
    """

    data: EncodedData
    recipes: list[ViewRecipe]
    anchors: range
    seed: int
    number: int
    threads: int
    device: torch.device
    beside: Path

    def of(
        self, network: nn.Module, made_from: Checkpoint, called: str, *, with_views: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Features of all images (N, D), of length 1, and of views of the anchors (A, V, D), None where not asked for.

        Args:
            made_from: Tells how images are normalised for the network.
            called: The network, for a sentence that its features are not finite.
        """
        training, given = self.data.training, {"mean": made_from.mean, "std": made_from.std}
        loading = {"batch_size": EMBEDDING_BATCH, "threads": self.threads, "given": given}

        def on_sphere(batches: Iterable[tuple[Tensor, Tensor]], images: int, what: str) -> np.ndarray:
            tracked = self._tracked(batches, images, what)
            return on_disk(map(unit, finite_features(network, tracked, self.device, called)), beside=self.beside)

        features = on_sphere(item_loader(self.data, "train", indices=training, **loading), len(training), "images")
        if not with_views:
            return features, None
        # whole batches, the same in any shard: what a network makes of an image may depend on them in the last bit
        start, stop = self.anchors.start, self.anchors.stop
        first = start - start % EMBEDDING_BATCH
        order = training[first : stop + -stop % EMBEDDING_BATCH]
        loader = item_views(self.data, "train", self.recipes, seed=self.seed, **loading)
        batches = loader.epoch(self.number, order=order, drop_last=False)
        of_each = ((batch.views.transpose(0, 1).flatten(0, 1), batch.index) for batch in batches)
        views = on_sphere(of_each, len(order), "views")
        return features, views.reshape(len(order), len(self.recipes), -1)[start - first : stop - first]

    def of_texts(self, network: nn.Module, called: str) -> np.ndarray:
        """The texts of all images, (N, D): of each image the mean of their vectors, all of length 1; as `of`."""
        training, texts = self.data.training, self.data.texts["train"]

        def mean(images: np.ndarray) -> np.ndarray:
            rows = [np.arange(*texts.begins[image : image + 2]) for image in images]
            parts = vectors_of(network, texts.tokens, np.concatenate(rows), self.device, called)
            vectors = np.concatenate([*map(unit, parts)])
            return unit(np.add.reduceat(vectors, np.cumsum([0, *map(len, rows[:-1])])))

        parts = np.split(training, range(EMBEDDING_BATCH, len(training), EMBEDDING_BATCH))
        return on_disk(map(mean, self._tracked(parts, len(training), "texts")), beside=self.beside)

    def _tracked(self, batches: Iterable[T], images: int, what: str) -> Iterable[T]:
        total, label = -(-images // EMBEDDING_BATCH), f"embed {what} seed {self.seed} · round {self.number}"
        return track(batches, total=total, label=label, unit="batches")


def _load(encoder: Path, method: str) -> tuple[nn.Module, nn.Module | None, Checkpoint]:
    """The network that embeds images, that of texts where the method has one, and what a checkpoint says of them."""
    if method in WITH_TEXTS:
        towers, made_from = load_towers(encoder)
        return towers.images, towers.text, made_from
    network, made_from = load_encoder(encoder)
    return network, None, made_from


def _tell(table: Path, filtered: str) -> None:
    """Print the figures of a pass."""
    arrays, made_from = load_arrays(table, MiningPass)
    say(f"mined seed {made_from.seed} · round {made_from.round}\n{PassFigures.of(arrays).lines(filtered)}")


def _merge(shards: list[Path], wanted: int, inputs: dict[str, str], *, out: Path) -> None:
    """Put the tables of `wanted` shards together, which are to be made from these inputs, by digest."""
    tables = {}
    for path in shards:
        arrays, provenance = load_arrays(path, MiningPass)
        provenance.require(path, data=inputs["data"], encoder=inputs["encoder"])
        if provenance.inputs != inputs:
            raise UserError(f"{path} was mined with another mining.guide, or none: delete it and mine again")
        number, of = provenance.shard or (0, 1)
        if of != wanted:
            raise UserError(f"{path} is one of {of} shards, not of mining.shards, {wanted}: delete it and mine again")
        tables[number] = arrays, provenance.model_copy(update={"shard": None})
    if sorted(tables) != list(range(wanted)):
        raise UserError(f"the negatives of {wanted} shards are to be put together, got those of {sorted(tables)}")
    ordered = [tables[number] for number in range(wanted)]
    names = ordered[0][0]
    save_arrays(out, ordered[0][1], **{name: np.concatenate([arrays[name] for arrays, _ in ordered]) for name in names})


def _share(images: int, shard: int, shards: int) -> range:
    """The rows of one shard."""
    if not shard < shards <= images:
        raise UserError(f"shard {shard} of {shards} does not exist: mining.shards is {shards}, images are {images}")
    return range(images * shard // shards, images * (shard + 1) // shards)
