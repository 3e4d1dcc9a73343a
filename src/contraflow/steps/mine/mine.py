"""The step `mine`: hard negatives of every training image."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from contraflow.arrays import load_arrays, on_disk, save_arrays
from contraflow.artefacts import require_same, sha256
from contraflow.devices import job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.errors import UserError
from contraflow.evaluation.frozen import finite_features
from contraflow.mining.negatives import mine_negatives
from contraflow.mining.settings import MINING
from contraflow.models.checkpoint import load_encoder
from contraflow.neighbours.bank import unit
from contraflow.params import Params
from contraflow.progress import track
from contraflow.stages import chosen, code_digest
from contraflow.views.loader import ImageLoader, ViewLoader

READS = ("augment", "negatives.exclude_window", "mining")
EMBEDDING_BATCH = 500


def mine(params: Params, *, encoder: Path, data: Path, out: Path, threads: int, shard: int | None = None) -> None:
    """Find the hard negatives of every training image with one encoder, and write them to the table `out` (.npz).

    The table has the arrays anchor (M,), negative, similarity and rank (M, k), and suspected (M,), of which
    `mining.negatives.Negatives` tells, anchors and negatives as indices into `train.beton`; its provenance says the
    rest. Validation images are neither anchors nor negatives. Features lie on the disk of `out`, not in memory.

    Args:
        shard: Only for this one, from 0, of `mining.shards` shares of the images, which `merge_shards` puts together.
            Each embeds all images, which is a sixth of an epoch's work, and searches for its own.

    Raises:
        UserError: the encoder was trained on other data, its features are not finite, or `mining.k` asks for more
            images than are left.
    """
    settings = params.only(*READS)
    mining = settings.mining
    encoded = EncodedData.open(data)
    torch.set_num_threads(job_cores())
    network, made_from = load_encoder(encoder)
    require_same(encoder, "data set", encoded.digest, made_from["inputs"]["data"])
    seed, number = made_from["seed"], made_from["round"] + 1
    training = encoded.training
    rows = range(len(training)) if shard is None else _share(len(training), shard, mining.shards)
    loading = {"batch_size": EMBEDDING_BATCH, "threads": threads, **encoded.card.loading}
    with lease() as (device,):

        def on_sphere(batches: Iterable[tuple[Tensor, Tensor]], images: int, what: str) -> Iterator[np.ndarray]:
            total, label = -(-images // EMBEDDING_BATCH), f"embed {what} seed {seed} · round {number}"
            tracked = track(batches, total=total, label=label, unit="batches")
            return map(unit, finite_features(network, tracked, device, f"the encoder of seed {seed} ({encoder})"))

        images = ImageLoader(encoded.train_beton, indices=training, **loading)
        features, views = on_disk(on_sphere(images, len(training), "images"), beside=out), None
        if mining.false_negatives == "views":
            recipes = settings.augment.chosen().whole()
            recipes = [recipes[view % len(recipes)] for view in range(mining.fn_views)]
            # whole batches, the same in any shard: what a network makes of an image may depend on them in the last bit
            first = rows.start - rows.start % EMBEDDING_BATCH
            order = training[first : rows.stop + -rows.stop % EMBEDDING_BATCH]
            batches = ViewLoader(encoded.train_beton, recipes, seed=seed, **loading).epoch(
                number, order=order, drop_last=False
            )
            of_each = ((batch.views.transpose(0, 1).flatten(0, 1), batch.index) for batch in batches)
            views = on_disk(on_sphere(of_each, len(order), "views"), beside=out)
            views = views.reshape(len(order), mining.fn_views, -1)[rows.start - first : rows.stop - first]
        found = mine_negatives(
            features,
            encoded.positions[training],
            mining,
            seed=seed,
            number=number,
            window=settings.negatives.exclude_window,
            anchors=rows,
            views=views,
            device=device,
            threads=job_cores(),
        )
    provenance = {
        "step": "mine",
        "code": code_digest("mine"),
        "seed": seed,
        "round": number,
        "params": chosen(params.model_dump(), [*READS[:-1], *MINING]),
        "inputs": {"data": encoded.digest, "encoder": sha256(encoder)},
        "search": found.search,
        "recall": round(found.recall, 4),
    }
    save_arrays(
        out,
        provenance if shard is None else provenance | {"shard": [shard, mining.shards]},
        anchor=training[rows.start : rows.stop],
        negative=training[found.negative].astype(np.int32),
        similarity=found.similarity,
        rank=found.rank,
        suspected=found.suspected,
    )


def merge_shards(params: Params, *, shards: list[Path], encoder: Path, data: Path, out: Path) -> None:
    """Put the tables of all shards together, to the bytes of a table that was mined at once.

    Raises:
        UserError: a table is missing, damaged, or of another encoder, data set or division than the rest.
    """
    tables, wanted = {}, params.only(*READS).mining.shards
    digests = {"data set": EncodedData.open(data).digest, "encoder": sha256(encoder)}
    for path in shards:
        arrays, provenance = load_arrays(path)
        for what, name in (("data set", "data"), ("encoder", "encoder")):
            require_same(path, what, digests[what], provenance["inputs"][name])
        number, of = provenance.pop("shard", (0, 1))
        if of != wanted:
            raise UserError(f"{path} is one of {of} shards, not of mining.shards, {wanted}: delete it and mine again")
        tables[number] = arrays, provenance
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
