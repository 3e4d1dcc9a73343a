"""The section `train`: how long, in which steps and how exactly."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contraflow.settings.values import Count, NotNegative, Number, Positive, Section


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
