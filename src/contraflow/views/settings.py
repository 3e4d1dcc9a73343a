"""The section `augment`: what makes the views of one image differ."""

from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from contraflow.settings.sentences import sentence
from contraflow.settings.values import (
    Number,
    PartialShare,
    Range,
    Section,
    Share,
    refuse_empty_range,
    refuse_impossible_area,
)


class ViewRecipe(Section):
    """What one view may look like."""

    crop_scale: Range
    crop_ratio: Range
    flip: Share
    rotation: Annotated[Number, Field(ge=0, le=180)]
    jitter: Share
    brightness: Share
    contrast: Share
    saturation: Share
    hue: Annotated[Number, Field(ge=0, le=0.5)]
    grey: Share
    blur: Share
    blur_sigma: Range
    solarise: Share

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        refuse_impossible_area("augment.crop_scale", self.crop_scale)
        for name in ("crop_ratio", "blur_sigma"):
            refuse_empty_range(f"augment.{name}", getattr(self, name))
        return self


class Views(ViewRecipe):
    """What the views of one image may look like: all as the recipe above says, but for what is said here."""

    second: dict[str, object] | None
    local_views: Annotated[int, Field(ge=0, le=100)]
    local_side: PartialShare
    local_crop_scale: Range

    @model_validator(mode="after")
    def _all_can_be(self) -> Self:
        refuse_impossible_area("augment.local_crop_scale", self.local_crop_scale)
        self.whole()
        return self

    def whole(self) -> list[ViewRecipe]:
        """Of both views."""
        first = _changed(self, ViewRecipe, {}, "augment")
        return [first, _changed(first, ViewRecipe, self.second or {}, "augment.second")]

    def local(self) -> list[ViewRecipe]:
        """Of each small crop."""
        changes = {"crop_scale": self.local_crop_scale}
        return [_changed(self, ViewRecipe, changes, "augment")] * self.local_views

    def local_pixels(self, size: int) -> int:
        """Pixels a side of each small crop, of images with `size`."""
        return max(1, round(self.local_side * size))


class Augment(Views):
    recipe: str | None
    recipes: dict[str, dict[str, object]]

    @model_validator(mode="after")
    def _recipes_can_be(self) -> Self:
        for name in self.recipes:
            self._with(name)
        if self.recipe is not None and self.recipe not in self.recipes:
            raise ValueError(f"augment.recipe must be null or one of {', '.join(self.recipes)}, got {self.recipe!r}")
        return self

    def _with(self, name: str) -> Views:
        return _changed(self, Views, self.recipes[name], f"augment.recipes.{name}")

    def chosen(self) -> Views:
        """The values that count: those of this section, but for those that `recipe` names."""
        return self._with(self.recipe) if self.recipe else _changed(self, Views, {}, "augment")


def _changed(section: Section, kind: type[Section], changes: dict, where: str) -> Section:
    """The values of `section` that a section of `kind` has, some of them changed; the user calls these `where`.

    Raises:
        ValueError: a name or a value cannot be.
    """
    names = kind.model_fields
    for name in changes:
        if name not in names:
            raise ValueError(f"{where}.{name} is not a parameter; allowed are {', '.join(names)}")
    try:
        return kind.model_validate({name: getattr(section, name) for name in names} | changes)
    except ValidationError as error:
        sentences = (sentence(e, kind).removeprefix("augment.") for e in error.errors())
        raise ValueError("; ".join(f"{where}.{sentence}" for sentence in sentences)) from None
