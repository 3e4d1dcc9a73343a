"""The step `mine`: rounds of mining hard negatives and training with them."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from contraflow.arrays import load_arrays, save_arrays
from contraflow.artefacts import require_same, sha256
from contraflow.config import Params
from contraflow.data.card import EncodedData
from contraflow.data.loader import ImageLoader, ViewLoader
from contraflow.devices import cores, lease
from contraflow.evaluation.frozen import require_finite
from contraflow.mining.batches import order_with_negatives
from contraflow.mining.negatives import mine_negatives
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed
from contraflow.progress import track
from contraflow.stages import chosen, code_digest
from contraflow.steps.validation import validation_knn
from contraflow.training.history import read_history
from contraflow.training.parallel import on_gpus
from contraflow.training.rounds import train_round

READS = (
    *("data.labelled_fraction", "data.split_seed", "augment"),
    *("model", "method", "loss", "negatives", "train", "mining"),
)
FINDS = ("augment", "negatives.exclude_window", "mining")  # what the table of negatives depends on
EMBEDDING_BATCH = 500


def mine(params: Params, *, encoder: Path, data: Path, out: Path, threads: int) -> None:
    """Find the hard negatives of every training image with one encoder, and write them to the table `out` (.npz).

    The table has the arrays anchor (M,), negative, similarity and rank (M, k), anchors and negatives as indices into
    `train.beton`; its provenance says what `mining.negatives.Negatives` says of the pass. Validation images are neither
    anchors nor negatives.

    Raises:
        UserError: the encoder was trained on other data, its features are not finite, or `mining.k` asks for more
            images than are left.
    """
    settings = params.only(*FINDS)
    mining = settings.mining
    encoded = EncodedData.open(data)
    torch.set_num_threads(cores())
    network, made_from = load_encoder(encoder)
    require_same(encoder, "data set", encoded.digest, made_from["inputs"]["data"])
    seed, number = made_from["seed"], made_from["round"] + 1
    loading = {
        "batch_size": EMBEDDING_BATCH,
        "threads": threads,
        "indices": encoded.training,
        **encoded.card.loading,
    }
    images = ImageLoader(encoded.train_beton, **loading)
    with lease() as (device,):

        def features_of(batches: Iterable[tuple[Tensor, Tensor]], what: str) -> np.ndarray:
            label = f"embed {what} seed {seed} · round {number}"
            features, _ = embed(network, track(batches, total=len(images), label=label, unit="batches"), device)
            require_finite(features, str(encoder))
            return features

        features, views = features_of(images, "images"), None
        if mining.false_negatives == "views":
            recipes = settings.augment.chosen().whole()
            recipes = [recipes[view % len(recipes)] for view in range(mining.fn_views)]
            batches = ViewLoader(encoded.train_beton, recipes, seed=seed, **loading).epoch(
                number, order=encoded.training, drop_last=False
            )
            of_each = ((batch.views.transpose(0, 1).flatten(0, 1), batch.index) for batch in batches)
            views = features_of(of_each, "views").reshape(len(features), mining.fn_views, -1).transpose(1, 0, 2)
        found = mine_negatives(
            features,
            encoded.positions[encoded.training],
            mining,
            seed=seed,
            number=number,
            window=settings.negatives.exclude_window,
            views=views,
            device=device,
            threads=cores(),
        )
    provenance = {
        "step": "mine",
        "code": code_digest("mine"),
        "seed": seed,
        "round": number,
        "params": chosen(params.model_dump(), FINDS),
        "inputs": {"data": encoded.digest, "encoder": sha256(encoder)},
        "suspected": round(found.suspected, 4),
        "search": found.search,
        "recall": round(found.recall, 4),
    }
    save_arrays(
        out,
        provenance,
        anchor=encoded.training,
        negative=encoded.training[found.negative].astype(np.int32),
        similarity=found.similarity.astype(np.float32),
        rank=found.rank.astype(np.int32),
    )


def train_mined(
    params: Params, *, encoder: Path, history: Path, negatives: Path, data: Path, out: Path, threads: int, state: Path
) -> None:
    """Go on training an encoder with mined negatives; write `encoder.safetensors` and `history.csv` into `out`.

    `history` is that of the encoder's own training, against which a collapse is measured. The file `state` keeps the
    training from epoch to epoch, as in `pretrain`.

    Raises:
        UserError: the negatives were mined with another encoder or on other data, or the loss is not finite.
    """
    settings = params.only(*READS)
    encoded = EncodedData.open(data)
    arrays, mined = load_arrays(negatives)
    digest = sha256(encoder)
    require_same(negatives, "encoder", digest, mined["inputs"]["encoder"])
    require_same(negatives, "data set", encoded.digest, mined["inputs"]["data"])
    seed, number = mined["seed"], mined["round"]
    first = settings.train.epochs + (number - 1) * settings.mining.epochs
    provenance = {
        "step": "mine",
        "code": code_digest("mine"),
        "seed": seed,
        "round": number,
        "params": chosen(params.model_dump(), READS),
        "inputs": {"data": encoded.digest, "encoder": digest, "negatives": sha256(negatives)},
    }
    settings.train = settings.train.model_copy(update={"lr": settings.mining.lr})
    work = partial(
        train_round,
        settings,
        data=encoded,
        seed=seed,
        number=number,
        epochs=range(first, first + settings.mining.epochs),
        out=out,
        threads=threads,
        provenance=provenance,
        state=state,
        start=encoder,
        before=read_history(history),
        validate=validation_knn(encoded, threads),
        order=partial(order_with_negatives, arrays["anchor"], arrays["negative"], seed=seed),
    )
    on_gpus(settings.train.gpus, work)
