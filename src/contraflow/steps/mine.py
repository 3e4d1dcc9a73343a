"""The step `mine`: rounds of mining hard negatives and training with them."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from contraflow.arrays import load_arrays, save_arrays
from contraflow.artefacts import require_same, sha256
from contraflow.config import Params
from contraflow.data.card import EncodedData
from contraflow.data.loader import ImageLoader
from contraflow.devices import cores, lease
from contraflow.mining.batches import order_with_negatives
from contraflow.mining.policies import POLICIES
from contraflow.models.checkpoint import load_encoder
from contraflow.models.embed import embed
from contraflow.progress import say, track
from contraflow.stages import chosen, code_digest
from contraflow.steps.validation import validation_knn
from contraflow.training.history import read_history
from contraflow.training.parallel import on_gpus
from contraflow.training.rounds import train_round

READS = (
    *("data.labelled_fraction", "data.split_seed", "augment"),
    *("model", "method", "loss", "negatives", "train", "mining"),
)
EMBEDDING_BATCH = 500


def mine(params: Params, *, encoder: Path, data: Path, out: Path, threads: int) -> None:
    """Find the hard negatives of every training image with one encoder, and write them to the table `out` (.npz).

    The table has the arrays anchor (M,), negative, similarity and rank (M, k), anchors and negatives as indices into
    `train.beton`. Validation images are neither anchors nor negatives.

    Raises:
        UserError: the encoder was trained on other data, or `mining.k` asks for more images than there are.
    """
    mining = params.only("mining").mining
    encoded = EncodedData.open(data)
    torch.set_num_threads(cores())
    network, made_from = load_encoder(encoder)
    require_same(encoder, "data set", encoded.digest, made_from["inputs"]["data"])
    seed, number = made_from["seed"], made_from["round"] + 1
    images = ImageLoader(
        encoded.train_beton,
        batch_size=EMBEDDING_BATCH,
        threads=threads,
        indices=encoded.training,
        **encoded.card.loading,
    )
    with lease() as (device,):
        batches = track(images, total=len(images), label=f"embed seed {seed} · round {number}", unit="batches")
        features, _ = embed(network, batches, device)
    say(f"search seed {seed} · round {number}: nearest of {len(features):,} images")
    found = POLICIES[mining.policy](features, k=mining.k, false_negatives=mining.false_negatives, threads=cores())
    provenance = {
        "step": "mine",
        "code": code_digest("mine"),
        "seed": seed,
        "round": number,
        "params": {"mining": mining.model_dump()},
        "inputs": {"data": encoded.digest, "encoder": sha256(encoder)},
        "left_out": found.left_out,
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
