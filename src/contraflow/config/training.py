"""The sections model, method, loss, negatives and train: what is trained, and how."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contraflow.config.values import Count, NotNegative, Number, PartialShare, Positive, Section, Share

METHODS = sorted(file.stem for file in (Path(__file__).parents[1] / "methods").glob("[a-z]*.py"))  # one file each


class Model(Section):
    encoder: Literal["small", "resnet18", "resnet34", "resnet50", "vit_small"]
    width: Annotated[int, Field(ge=8, le=512)]
    norm: Literal["batch", "sync", "instance", "group"]
    projection_hidden: Count
    projection_dim: Count
    predictor_hidden: Count


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


class Train(Section):
    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]
    gpus: Count
    optimiser: Literal["sgd", "lars", "adamw"]
    lr: Positive
    momentum: Annotated[Number, Field(ge=0, lt=1)]
    weight_decay: NotNegative
    warmup_epochs: NotNegative
    precision: Literal["auto", "float32", "mixed"]
    knn_every: Annotated[int, Field(ge=0)]
    stop_on: Literal["never", "uniformity", "knn"]
    patience: Count

    @model_validator(mode="after")
    def _batches_divide(self) -> Self:
        if self.batch_size % self.gpus:
            raise ValueError(f"train.batch_size must be a multiple of train.gpus, {self.gpus}, got {self.batch_size}")
        return self

    @model_validator(mode="after")
    def _stops_on_what_is_measured(self) -> Self:
        if self.stop_on == "knn" and not self.knn_every:
            raise ValueError("train.knn_every must be at least 1 where train.stop_on is knn, got 0")
        return self
