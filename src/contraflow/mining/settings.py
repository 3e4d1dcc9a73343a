"""The section `mining`: hard negatives between rounds."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import model_validator

from contraflow.methods.parts.settings import WITH_TRANSFORMER
from contraflow.settings.values import (
    NOTHING,
    Cosine,
    Count,
    Natural,
    Own,
    Positive,
    Range,
    Section,
    Share,
    ShareBelowOne,
    Suited,
    Switch,
    named,
)


class Mining(Section):
    rounds: Annotated[Natural, Suited({"glyphs": 2} | dict.fromkeys(WITH_TRANSFORMER, 0)), "0 turns mining off"] = 1
    control: Annotated[
        bool,
        Switch(True),
        "true: as many epochs with random batches, too; the verdict says whether mining helped (docs/mining.md)",
    ] = False
    epochs: Annotated[Count, Suited({"glyphs": 2}), "of training in each round"] = 1
    lr: Annotated[Positive, Suited({"glyphs": 0.2} | dict.fromkeys(WITH_TRANSFORMER, 0.001)), "as train.lr"] = 0.1
    k: Annotated[Count, "hard negatives kept for each image"] = 8
    policy: Annotated[
        Literal["hardest", "semi_hard", "margin", "weighted", "random"],
        "who is taken: hardest, semi_hard (band), margin, weighted (tau), random (of all images)",
    ] = "hardest"
    candidates: Annotated[
        Count, "nearest others of each image that are looked at; images in negatives.exclude_window are none"
    ] = 256
    exact_up_to: Annotated[
        Natural, "more images than this are searched by inverted lists, whose recall is measured and recorded"
    ] = 200000
    memory_mb: Annotated[
        Count, "taken at a time, beside the table, and features and inverted lists, which lie on the disk"
    ] = 256
    shards: Annotated[
        Count,
        Switch(2),
        "jobs that search side by side, each for a share of the images; they come to the same table as one",
    ] = 1
    use: Annotated[
        Literal["batches", "forward", "stored"],
        "batches: composed so that images meet their negatives; forward, stored: brought along, as below",
    ] = "batches"
    neighbourhood: Annotated[
        Count, "batches: so many images lie together that the mined negatives link; 1: all at random"
    ] = 8
    companions: Annotated[
        Count,
        "each image brings along so many: forward: in one view each; stored (not nnclr, clip, siglip): as the vectors "
        "they last had",
    ] = 1
    band: Annotated[Range[Share], "semi_hard: drawn from these ranks, as shares of all images"] = [0.002, 0.004]
    margin: Annotated[Range[Cosine], "margin: drawn from those with a cosine similarity between these"] = [0.5, 0.95]
    tau: Annotated[Positive, "weighted: drawn in proportion to exp(similarity / tau)"] = 0.05
    false_negatives: Annotated[
        Literal["none", "rank", "threshold", "mutual", "views", "relative"],
        Suited({"glyphs": "none"}),
        "candidates suspected to show the same, left out: none, rank, threshold, mutual, views, relative",
    ] = "rank"
    guide: Annotated[
        Own,
        "a checkpoint whose encoder says who is suspected, but by rank; data: the one that is trained says so itself",
    ] = NOTHING
    fn_share: Annotated[ShareBelowOne, "rank: share of all images, the nearest to each"] = 0.002
    fn_threshold: Annotated[
        Cosine, "threshold, views: at least this cosine similarity, of views to any of several of the anchor"
    ] = 0.98
    fn_top: Annotated[Count, "mutual: each is among the other's so many nearest; views: only so many are suspected"] = (
        10
    )
    fn_views: Annotated[
        Count,
        "views: augmented views of each image; relative: its positives looked at, such views if none is known",
    ] = 4
    fn_margin: Annotated[
        Share, "relative: more similar than its positives are to the anchor, p, less this share of |p|"
    ] = 0.05

    @property
    def positives(self) -> int:
        """How many positives of each image are looked at."""
        return self.fn_views if self.false_negatives in ("views", "relative") else 1

    @property
    def guiding(self) -> Path | None:
        """The checkpoint of the guide; None where there is none."""
        return named(self.guide)

    @model_validator(mode="after")
    def _suit_each_other(self) -> Self:
        if self.candidates < self.k:
            raise ValueError(f"mining.candidates must be at least mining.k, which is {self.k}, got {self.candidates}")
        if self.use != "batches" and self.companions > self.k:
            raise ValueError(f"mining.companions must be at most mining.k, which is {self.k}, got {self.companions}")
        if self.control and not self.rounds:
            raise ValueError(
                "mining.control must be false where mining.rounds is 0: nothing is mined that it could judge"
            )
        if self.guiding and self.false_negatives in ("none", "rank"):
            raise ValueError(
                "mining.false_negatives must be threshold, mutual, views or relative where mining.guide is named, "
                f"got {self.false_negatives}"
            )
        return self


# say how negatives are found, or where the guide lies: which are found depends on its content
HOW = ("mining.memory_mb", "mining.shards", "mining.guide")
UNREAD = ("mining.control",)  # by it the workflow has more jobs, and no other job changes
