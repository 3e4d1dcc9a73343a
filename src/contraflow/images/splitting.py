"""Which images are trained on, which are for validation, and which of a listing for the test."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from contraflow.encoded.kin import GROUP
from contraflow.encoded.splits import UNLABELLED, Draw, draw_groups, draw_validation, generator
from contraflow.foundations.errors import UserError
from contraflow.foundations.shares import held_out, part_of
from contraflow.images.listing import Listing, Part

if TYPE_CHECKING:
    from contraflow.images.image_set import Split

FEWEST_TRAIN_IMAGES = 4


def split_listing(listing: Listing, *, test_fraction: float, limit: int | None, seed: int) -> tuple[Part, Part]:
    """The training and the test images of a folder, each in the order of the listing.

    Without a split of the folder's own, `test_fraction` of each class is drawn for the test, or of ordered images that
    share of whole groups: the neighbours of a training image would say too much. Where there are labels, images without
    one are no test images. `limit` keeps that many training images, drawn as well (the first by name would all be of
    one class), beside the validation images that the user keeps apart.
    """
    train, test = listing.train, listing.test
    if test is None:
        random = generator(seed, Draw.TEST)
        groups = np.zeros(len(train), np.int64) if train.positions is None else train.positions // GROUP
        usable = train.labels != UNLABELLED if listing.classes else np.ones(len(train), bool)
        grouped = len(np.unique(groups)) > 1
        if grouped:
            drawn = draw_groups(groups, test_fraction, random)
        else:
            drawn = np.zeros(len(train), bool)
            drawn[usable] = _draw_classes(train.labels[usable], test_fraction, random)
        train, test = train.take(np.flatnonzero(~drawn)), train.take(np.flatnonzero(drawn & usable))
        only = set(test.labels.tolist()) - set(train.labels.tolist())
        if grouped and only:
            raise UserError(
                f"the groups drawn for the test hold every image of the class {listing.classes[min(only)]}: give the "
                "table a column split, or change data.split_seed"
            )
    if limit is not None:
        held_out = np.zeros(len(train), bool) if train.held_out is None else train.held_out
        drawn = generator(seed, Draw.LIMIT).permutation(np.flatnonzero(~held_out))[:limit]
        train = train.take(np.sort(np.concatenate([drawn, np.flatnonzero(held_out)])))
    return train, test


def draw_held_out(
    train: "Part | Split", test: "Part | Split", *, name: str, classes: Sequence[str], fraction: float, seed: int
) -> np.ndarray:
    """The validation images, as sorted int64 indices of the training images of the data `name`.

    These are those that the user keeps apart, else a draw among those with labels, where there are some. Where the test
    has none of the training images' classes, whole ones are drawn: then what is asked is how well images of new classes
    are told apart, and choices must be made on that. Else where the images have groups, whole ones are drawn: with
    others of their group among those trained on, they would say too much.

    Raises:
        UserError: there are too few images or classes to draw from.
    """
    kept = np.zeros(len(train), bool) if train.held_out is None else train.held_out
    candidates = np.flatnonzero(~kept & ((train.labels != UNLABELLED) | (not classes)))
    if len(candidates) < FEWEST_TRAIN_IMAGES:
        what = "labelled training images" if len(candidates) < len(train) else "training images"
        raise UserError(f"{name} gives {len(candidates)} {what}, but at least {FEWEST_TRAIN_IMAGES} are needed")
    if train.held_out is not None:
        return np.flatnonzero(kept)
    how = {"fraction": fraction, "seed": seed}
    if classes and not np.isin(test.labels, train.labels).any():
        by = train.labels[candidates]
        if len(np.unique(by)) == 1:
            raise UserError(f"{name} gives training images of one class, but where the test has others, two are needed")
        return draw_validation(candidates, classes=by, **how)
    return draw_validation(candidates, groups=_whole_groups(train, candidates, fraction), **how)


def _whole_groups(train: "Part | Split", candidates: np.ndarray, fraction: float) -> np.ndarray | None:
    """The group of each candidate (N,), -1 where it is not to be drawn whole: with an image that is no candidate, or
    all images of a class, which could not be learned then.

    None where the others are too few to draw from, as where there are no groups: three of them, with their share.
    """
    if train.positions is None:
        return None
    every = train.positions // GROUP
    groups, labels = every[candidates], train.labels[candidates]
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    only, first, of = np.unique(pairs[0], return_index=True, return_counts=True)
    alone = pairs[1, first[(of == 1) & (only != UNLABELLED)]]
    stays = np.union1d(alone, np.delete(every, candidates))
    groups = np.where(np.isin(groups, stays), -1, groups)
    drawable = groups[groups >= 0]
    enough = len(np.unique(drawable)) > 2 and len(drawable) >= held_out(len(candidates), fraction)
    return groups if enough else None


def _draw_classes(labels: np.ndarray, fraction: float, random: np.random.Generator) -> np.ndarray:
    """Of each class its share, rounded so that the whole has its share, too, and is not empty; never all of a class.

    Each class gets its share rounded down, and those with the largest remainders one image more, as seats are shared
    out by the method of Hamilton; between equal remainders the draw decides.
    """
    names, sizes = np.unique(labels, return_counts=True)
    shares = [part_of(int(size), fraction) for size in sizes]
    counts = [math.floor(share) for share in shares]
    members = [random.permutation(np.flatnonzero(labels == name)) for name in names]
    open_ = [place for place in random.permutation(len(names)) if counts[place] + 1 < sizes[place]]
    open_.sort(key=lambda place: counts[place] - shares[place])
    for place in open_[: max(1, round(sum(shares))) - sum(counts)]:
        counts[place] += 1
    drawn = np.zeros(len(labels), bool)
    drawn[np.concatenate([own[:count] for own, count in zip(members, counts, strict=True)])] = True
    return drawn
