"""The section `augment`: what makes the views of one image differ."""

from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from contraflow.settings.sentences import sentence
from contraflow.settings.values import (
    Number,
    PartialShare,
    Positive,
    PositiveShare,
    Range,
    Section,
    Share,
    ShareBelowOne,
    Suited,
)

ABOVE = "above"  # the recipe whose values are those of the section
WHOLE = [1.0, 1.0]
RECIPES: dict[str, tuple[str, dict[str, object]]] = {  # comment and values of each
    "simclr": (
        "Chen et al. 2020, for photos",
        {"crop_scale": [0.08, 1.0], "brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2},
    ),
    "mocov2": (
        'Chen et al. 2020, "Improved Baselines with Momentum Contrastive Learning"',
        {"crop_scale": [0.2, 1.0]},
    ),
    "byol": (
        "Grill et al. 2020: the two views are not alike",
        {"crop_scale": [0.08, 1.0], "saturation": 0.2, "blur": 1.0, "second": {"blur": 0.1, "solarise": 0.2}},
    ),
    "multicrop": (
        "Caron et al. 2020 (SwAV), with fewer small crops",
        {"crop_scale": [0.14, 1.0], "local_views": 4, "local_crop_scale": [0.05, 0.14]},
    ),
    "digits": (
        "which side is left matters, colour does not",
        {"crop_scale": [0.5, 1.0], "flip": 0.0, "rotation": 10.0, "saturation": 0.0, "hue": 0.0},
    ),
    "signs": (
        "drawn signs, of which a mirror image is another",
        {"crop_scale": [0.7, 1.0], "flip": 0.0, "rotation": 10.0, "saturation": 0.0, "hue": 0.0},
    ),
    "words": (
        "texts alone, beside or in the place of model.text.dropout",
        {"word_crop": [0.6, 1.0], "word_dropout": 0.1},
    ),
    "none": (
        "the image as it is",
        {"crop_scale": [1.0, 1.0], "crop_ratio": [1.0, 1.0], "flip": 0.0, "jitter": 0.0, "grey": 0.0, "blur": 0.0},
    ),
}


class ViewRecipe(Section):
    """What one view may look like."""

    crop_scale: Annotated[Range[PositiveShare], "area of the random crop, as a share of the image"] = [0.4, 1.0]
    crop_ratio: Annotated[Range[Positive], "width over height of the crop"] = [0.75, 1.3333333333333333]
    flip: Annotated[Share, "horizontal mirror; 0 for digits and letters"] = 0.5
    rotation: Annotated[Number, Field(ge=0, le=180), "largest rotation, degrees either way"] = 0.0
    jitter: Annotated[
        Share, "probability of the four jitters below, in random order; strengths are half-widths, as in torchvision"
    ] = 0.8
    brightness: Annotated[Share, "0.4 draws a factor from 0.6 to 1.4"] = 0.4
    contrast: Annotated[Share, "as brightness"] = 0.4
    saturation: Annotated[Share, "as brightness; colour images only, as are hue and grey"] = 0.4
    hue: Annotated[Number, Field(ge=0, le=0.5), "in turns of the colour circle, 0 to 0.5"] = 0.1
    grey: Annotated[Share, "take the colour away"] = 0.2
    blur: Annotated[Share, "Gaussian blur"] = 0.5
    blur_sigma: Annotated[Range[Positive], "its standard deviation in pixels"] = [0.1, 1.0]
    solarise: Annotated[Share, "invert the pixels above the middle"] = 0.0
    word_crop: Annotated[
        Range[PositiveShare], "texts alone, in the place of all above: share of its tokens that a random piece has"
    ] = WHOLE
    word_dropout: Annotated[ShareBelowOne, "texts alone: probability with which a token is left out"] = 0.0


class Views(ViewRecipe):
    """What the views of one image may look like: all as the recipe above says, but for what is said here."""

    second: Annotated[
        dict[str, object] | None, "values that differ in the second view, as in byol below; null: both views are alike"
    ] = None
    local_views: Annotated[
        int, Field(ge=0, le=100), "small crops beside both views, each pulled to both (multi-crop; simclr, swav, dino)"
    ] = 0
    local_side: Annotated[PartialShare, "their side, as a share of the image's"] = 0.5
    local_crop_scale: Annotated[Range[PositiveShare], "their area, as crop_scale"] = [0.05, 0.3]

    @model_validator(mode="after")
    def _all_can_be(self) -> Self:
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
    recipe: Annotated[
        str,
        Suited({"glyphs": "signs", "emoji": "signs", "mnist": "digits", "svhn": "digits"}),
        "one of those below, whose values take the place of those above; above: those above as they are",
    ] = ABOVE
    recipes: Annotated[
        dict[str, dict[str, object]],
        "what is not named is as above: the size of a blur goes by the size of the images. Add your own",
        {name: comment for name, (comment, _) in RECIPES.items()},
    ] = {name: values for name, (_, values) in RECIPES.items()}

    @model_validator(mode="after")
    def _recipes_can_be(self) -> Self:
        for name in self.recipes:
            self._with(name)
        if self.recipe != ABOVE and self.recipe not in self.recipes:
            raise ValueError(f"augment.recipe must be {ABOVE} or one of {', '.join(self.recipes)}, got {self.recipe!r}")
        return self

    def _with(self, name: str) -> Views:
        return _changed(self, Views, self.recipes[name], f"augment.recipes.{name}")

    def chosen(self) -> Views:
        """The values that count: those of this section, but for those that `recipe` names."""
        return self._with(self.recipe) if self.recipe != ABOVE else _changed(self, Views, {}, "augment")


def _changed(section: Section, kind: type[Section], changes: dict, where: str) -> Section:
    """The values of `section` that a section of `kind` has, some of them changed; the user calls these `where`."""
    names = kind.model_fields
    for name in changes:
        if name not in names:
            raise ValueError(f"{where}.{name} is not a parameter; allowed are {', '.join(names)}")
    try:
        return kind.model_validate({name: getattr(section, name) for name in names} | changes)
    except ValidationError as error:
        sentences = (sentence(e, kind).removeprefix("augment.") for e in error.errors())
        raise ValueError("; ".join(f"{where}.{sentence}" for sentence in sentences)) from None
