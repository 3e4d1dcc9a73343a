"""The section `data`: which images."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contraflow.foundations.shares import held_out
from contraflow.images.sources import SOURCES
from contraflow.settings.values import (
    NOTHING,
    Count,
    Own,
    PartialShare,
    Place,
    PositiveShare,
    Section,
    Seed,
    Suited,
    Text,
)

DataName = Literal[
    "fashion_mnist",
    "mnist",
    "cifar10",
    "cifar100",
    "svhn",
    "stl10",
    "glyphs",
    "emoji",
    "wordnet",
    "cub200",
    "cars196",
    "sop",
    "folder",
]


class Data(Section):
    name: Annotated[
        DataName,
        "fashion_mnist, mnist, cifar10, cifar100, svhn, stl10, glyphs, emoji, wordnet, cub200, cars196, sop; folder: "
        "your own images or texts",
    ] = "fashion_mnist"
    path: Annotated[
        Place, "the last four: where the images lie; else a place to look for the data set's files before downloading"
    ] = "data"
    table: Annotated[
        Text | None,
        "folder: a CSV file in it with the columns path, label and, where wanted, split, group, order, role, text; "
        "without path its texts are alone",
    ] = None
    limit: Annotated[
        Count | None,
        Suited({"wordnet": 40_000}),
        "only the first n training images (of a folder: n drawn by split_seed)",
    ] = None
    image_size: Annotated[
        Annotated[int, Field(ge=8, le=1024)] | None,
        "pixels a side, other sizes are resized; null keeps the data set's own (the last four need a number, but for "
        "texts alone)",
    ] = None
    jpeg_above: Annotated[
        Count, "folder: where image_size is larger, JPEG files stay JPEG (up to twice image_size), others become pixels"
    ] = 64
    skip_broken: Annotated[bool, "folder: true leaves broken images out, false stops and names them"] = False
    vocabulary: Annotated[
        Annotated[int, Field(ge=300)],
        "texts: tokens at most, learned from those of the training images (docs/text.md)",
    ] = 4096
    tokenizer: Annotated[
        Own,
        "texts: a tokenizer.json of your own (Hugging Face's tokenizers), or data: none, they are learned, or those of "
        "model.text.weights",
    ] = NOTHING
    labelled_fraction: Annotated[
        PositiveShare, "share of the training images whose labels a training that needs some sees; others none"
    ] = 1.0
    validation_fraction: Annotated[
        PartialShare,
        "share of the training images held out (whole groups, where there are some), on which choices are made, unless "
        "a folder keeps its own apart",
    ] = 0.1
    test_fraction: Annotated[
        PartialShare, "folder that keeps no test images apart (docs/data.md): share of the images kept for the test"
    ] = 0.2
    split_seed: Annotated[Seed, "draws the validation (and folder test) images; the same for every seed above"] = 0

    @model_validator(mode="after")
    def _table_and_size_suit_the_name(self) -> Self:
        if self.table is not None and self.name != "folder":
            raise ValueError(f"data.table must be null where data.name is not folder, got {self.table!r}")
        if self.name in SOURCES and not SOURCES[self.name].side and self.image_size is not None:
            raise ValueError(f"data.image_size must be null where data.name is {self.name}, got {self.image_size}")
        return self

    @property
    def sized(self) -> bool:
        """Whether it is known how large the images are to be, or that a table may have texts alone; what follows can
        be asked only then."""
        return self.image_size is not None or self.table is not None or self.name in SOURCES

    @property
    def side(self) -> int:
        """Pixels a side of the images as they are trained on; 0 where texts are alone."""
        return self.image_size or (SOURCES[self.name].side if self.name in SOURCES else 0)

    @property
    def items(self) -> str:
        """What is trained on: images, perhaps with texts, or texts alone."""
        return "images" if self.side else "texts"

    @property
    def grouped(self) -> bool:
        """Whether there may be groups."""
        return self.table is not None or (self.name in SOURCES and SOURCES[self.name].groups)

    def known(self) -> tuple[int, int] | None:
        """How many images are trained on at most, and of how many classes; None where a folder has to be looked at."""
        if not (source := SOURCES.get(self.name)):
            return None
        images = min(source.images, self.limit or source.images)
        return images - held_out(images, self.validation_fraction), source.classes
