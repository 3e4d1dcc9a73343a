"""The sections `method`, `loss` and `negatives`: what is learned, and from which comparisons."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contraflow.settings.values import Count, NotNegative, Number, PartialShare, Positive, Section, Share

METHODS = sorted(file.stem for file in Path(__file__).parents[1].glob("[a-z]*.py"))  # one file each


class Method(Section):
    name: Literal[*METHODS]
    queue: Count
    momentum: Annotated[list[Share], Field(min_length=2, max_length=2)]
    bank_momentum: Annotated[Number, Field(ge=0, lt=1)]


class Loss(Section):
    tau: Positive
    temperature: Literal["fixed", "learned", "cosine", "macl"]
    tau_max: Positive
    tau_swings: Count
    macl_alpha: NotNegative
    similarity: Literal["cosine", "dot", "euclidean"]
    margin: Positive
    triplet: Literal["random", "semi_hard", "hardest"]
    cross_entropy: NotNegative
    barlow_redundancy: Positive
    vicreg: Annotated[list[NotNegative], Field(min_length=3, max_length=3)]

    @model_validator(mode="after")
    def _tau_rises(self) -> Self:
        if self.temperature == "cosine" and self.tau_max < self.tau:
            raise ValueError(f"loss.tau_max must be at least loss.tau, {self.tau}, got {self.tau_max}")
        return self


class Negatives(Section):
    exclude_window: Annotated[int, Field(ge=0, lt=2**31)]
    false_negatives: Literal["keep", "eliminate", "attract"]
    fn_top: Count
    fn_threshold: Number
    selection: Literal["all", "ring", "hardest", "margin", "adaptive"]
    inner: Annotated[Number, Field(ge=0, lt=1)]
    outer: Annotated[Number, Field(gt=0, le=1)]
    fn_target: PartialShare
    k: Count
    margin: NotNegative
    mix_hardest: Count
    mix_pairs: Annotated[int, Field(ge=0)]
    mix_anchor: Annotated[int, Field(ge=0)]
    weighting: Literal["uniform", "debiased", "hcl"]
    tau_plus: Annotated[Number, Field(ge=0, lt=1)]
    beta: NotNegative

    @model_validator(mode="after")
    def _band_rises(self) -> Self:
        if self.inner >= self.outer:
            raise ValueError(f"negatives.outer must be greater than negatives.inner, {self.inner}, got {self.outer}")
        return self

    @property
    def mixed(self) -> bool:
        """Whether synthetic negatives are made."""
        return self.mix_pairs + self.mix_anchor > 0
