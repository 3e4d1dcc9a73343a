"""The section `data`: which images."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contraflow.settings.values import Count, Number, PartialShare, Section, Seed

DataName = Literal["fashion_mnist", "mnist", "cifar10", "cifar100", "svhn", "stl10", "folder"]


class Data(Section):
    name: DataName
    path: Annotated[str, Field(min_length=1)]
    table: Annotated[str, Field(min_length=1)] | None
    limit: Count | None
    image_size: Annotated[int, Field(ge=8, le=1024)] | None
    jpeg_above: Count
    skip_broken: bool
    labelled_fraction: Annotated[Number, Field(gt=0, le=1)]
    validation_fraction: PartialShare
    test_fraction: PartialShare
    split_seed: Seed

    @model_validator(mode="after")
    def _folder_has_a_size(self) -> Self:
        if self.name == "folder" and self.image_size is None:
            raise ValueError("data.image_size must be a number of pixels where data.name is folder, got null")
        return self

    @model_validator(mode="after")
    def _table_is_of_a_folder(self) -> Self:
        if self.table is not None and self.name != "folder":
            raise ValueError(f"data.table must be null where data.name is not folder, got {self.table!r}")
        return self
