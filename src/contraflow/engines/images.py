"""What can be said of a run's folders of images before its first job: DVC sees them, and they fill its batches.

And of the guide of its mining: that it is a checkpoint, and for images of this size; and of its encoder and teacher.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contraflow.encoded.kin import groups_of, require_told
from contraflow.engines.encoder import require_encoder, require_teacher, require_text_encoder, require_tokenizer
from contraflow.engines.watched import require_watched
from contraflow.evaluation.queries import require_queries
from contraflow.evaluation.sts import read_scored
from contraflow.foundations.errors import UserError
from contraflow.images.listing import Listing, Part, printable
from contraflow.images.sources import SOURCES
from contraflow.images.splitting import draw_held_out, split_listing
from contraflow.images.table import require_size
from contraflow.methods.parts.settings import WITH_TEXTS
from contraflow.params import Params


def require_images(root: Path, params: Params) -> None:
    """Look at the folders that the parameters name; a data set that is no folder is known without.

    Raises:
        UserError: one is missing in which a known data set is looked for, DVC would not watch one (see
            `require_watched`), or there are too few images in it, even if none of them is broken, or none that
            retrieval could find, or they are not told what `positives.from` names; or `mining.guide` is no fit
            checkpoint; or as `require_encoder`, `require_tokenizer`, `require_text_encoder`, `require_teacher` and,
            of `eval.sts`, `read_scored`.
    """
    if params.data.items == "images":
        require_encoder(root, params)
    require_tokenizer(params)
    require_text_encoder(params)
    require_teacher(root, params)
    if params.eval.scored:
        read_scored(root / params.eval.scored)
    if params.mining.guiding:
        _require_guide(root, params.mining.guiding, params.data.side)
    data, transfer = params.data, params.eval.transfer
    for key, name, path in (("data", data.name, data.path), ("eval.transfer", transfer.name, transfer.path)):
        if name in SOURCES and not (root / path).is_dir():
            raise UserError(f"{key}.path must be a folder, in which files of {name} are looked for, got {path}")
    require_watched(root, transfer.name, Path(transfer.path), None)
    listing = require_watched(root, data.name, Path(data.path), data.table)
    if listing:
        require_size(listing, data.image_size, data.table)
    if params.method.name in WITH_TEXTS:
        _require_texts(params, listing)
    if listing:
        train, test = split_listing(listing, test_fraction=data.test_fraction, limit=data.limit, seed=data.split_seed)
        how = {"name": data.name, "fraction": data.validation_fraction, "seed": data.split_seed}
        validation = draw_held_out(train, test, classes=listing.classes, **how)
        params.require_enough(len(train) - len(validation), len(listing.classes))
        where = str(Path(data.path) / (data.table or ""))
        require_told(params.positives.source, train.positions, labelled=bool(listing.classes), where=where)
        _require_queries(params, listing.classes, train, test, where)


def _require_texts(params: Params, listing: Listing | None) -> None:
    """Where there is no `listing`, because the folder is not there, nothing is asked: `fetch` says so."""
    data, source = params.data, SOURCES.get(params.data.name)
    if not (source.texts if source else listing is None or listing.train.texts):
        raise UserError(
            f"method.name {params.method.name} needs images with texts: data.name emoji, or a data.table with a column "
            f"text (docs/text.md); {data.table or data.name} has none"
        )


def _require_guide(root: Path, guide: Path, side: int) -> None:
    from contraflow.models.checkpoint import load_encoder  # takes seconds, which other runs need not spend

    if not (root / guide).is_file():
        raise UserError(f"mining.guide must be a checkpoint, an encoder.safetensors of an earlier run, got {guide}")
    _, made_from = load_encoder(root / guide)
    # of how many channels the images here are is known when they are encoded: the step `mine` looks
    made_from.require_images(f"mining.guide, {guide},", size=side, channels=made_from.channels)


def _require_queries(params: Params, classes: Sequence[str], train: Part, test: Part, where: str) -> None:
    settings = params.eval
    if not classes:
        if settings.retrieval_by == "group":
            raise UserError("eval.retrieval_by group needs labels, too: where there are none, put the groups there")
        return
    unseen = not np.isin(test.labels, train.labels).any()
    if settings.recalls(unseen=unseen):
        kinds = test.labels if settings.retrieval_by == "label" else groups_of(test.positions, len(test))
        gallery = None if test.roles is None else test.roles == "gallery"
        known = {"unseen": unseen, "source": where, "named": lambda place: printable(test.names[place])}
        require_queries(kinds, gallery, settings, **known)
