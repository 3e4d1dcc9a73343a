"""The section `train`: how long, in which steps and how exactly; and all that a training reads."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from contraflow.foundations.signature import Setting
from contraflow.methods.parts.settings import (
    WITH_TRANSFORMER,
    Loss,
    MethodSection,
    MethodSettings,
    Negatives,
    Positives,
)
from contraflow.models.settings import Model
from contraflow.settings.values import (
    Count,
    Natural,
    NotNegative,
    Positive,
    PositiveShare,
    Section,
    ShareBelowOne,
    Suited,
)
from contraflow.views.settings import Augment


class Train(Section):
    epochs: Annotated[Count, Suited({"glyphs": 8, "emoji": 40, "wordnet": 2}), "before the first mining round"] = 6
    batch_size: Annotated[int, Field(ge=2), "images; each gives two views"] = 128
    micro_batch: Annotated[
        int | None,
        Field(ge=2),
        "so many images are in an encoder's memory at a time, on each GPU; the loss is of the whole batch; null: all",
    ] = None
    gpus: Annotated[
        Count, "of one training, each with an equal part of every batch; fewer, or the CPU, where there are no more"
    ] = 1
    optimiser: Annotated[
        Literal["sgd", "lars", "adamw"], Suited(dict.fromkeys(WITH_TRANSFORMER, "adamw")), "sgd, lars, adamw"
    ] = "sgd"
    lr: Annotated[
        Positive,
        Suited(dict.fromkeys(WITH_TRANSFORMER, 0.003)),
        "for a batch of 256, scaled linearly to train.batch_size",
    ] = 0.2
    momentum: Annotated[ShareBelowOne, "sgd and lars"] = 0.9
    weight_decay: Annotated[
        NotNegative, Suited(dict.fromkeys(WITH_TRANSFORMER, 0.1)), "not of biases and BatchNorm"
    ] = 0.0001
    warmup_epochs: Annotated[NotNegative, "linear from 0, then a cosine to 0"] = 0.5
    first_layer_rate: Annotated[
        PositiveShare,
        "share of the rate that the encoder's first layer has; those after it have more, layer by layer, the last all "
        "of it",
    ] = 1.0
    head_rate: Annotated[
        Positive,
        "factor on the rate of all that learns beside the encoder: heads, predictor, prototypes, the encoder of texts",
    ] = 1.0
    frozen_epochs: Annotated[
        Natural, "first epochs of pretraining in which the weights of the encoder stay, and the heads alone learn"
    ] = 0
    lora: Annotated[
        Count | None,
        "LoRA: the encoder's weights learn a change of this rank alone (with model.weights, and ./setup.sh lora); "
        "null: all of it",
    ] = None
    clip: Annotated[Positive | None, "a longer gradient is shortened to this length; null: none is"] = None
    ema: Annotated[
        ShareBelowOne | None,
        "kept is a moving average of the encoder's weights, which keeps this share of itself in a step; null: no",
    ] = None
    precision: Annotated[
        Literal["auto", "float32", "mixed"],
        "auto (mixed on a GPU, and on a CPU with instructions for bfloat16), float32, mixed",
    ] = "auto"
    knn_every: Annotated[Natural, "epochs between two measurements of k-NN on the validation images; 0 for none"] = 1
    stop_on: Annotated[
        Literal["never", "uniformity", "knn"], "end early when this no longer improves: never, uniformity, knn"
    ] = "never"
    patience: Annotated[Count, "measurements without improvement before the end"] = 5

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.batch_size % self.gpus:
            raise ValueError(f"train.batch_size must be a multiple of train.gpus, {self.gpus}, got {self.batch_size}")
        if self.micro_batch and self.batch_size // self.gpus % self.micro_batch:
            raise ValueError(
                f"train.micro_batch must divide the images of a GPU, {self.batch_size // self.gpus}, "
                f"got {self.micro_batch}"
            )
        if self.stop_on == "knn" and not self.knn_every:
            raise ValueError("train.knn_every must be at least 1 where train.stop_on is knn, got 0")
        if self.frozen_epochs >= self.epochs:
            raise ValueError(
                f"train.frozen_epochs must be less than train.epochs, {self.epochs}, got {self.frozen_epochs}"
            )
        return self


@dataclass(frozen=True)
class Training(MethodSettings):
    """All that a training reads."""

    labelled_fraction: Annotated[float, Setting("data.labelled_fraction")]
    split_seed: Annotated[int, Setting("data.split_seed")]
    augment: Augment
    train: Train

    files_of: ClassVar = ("method.teacher",)

    def files(self) -> list[Path]:
        return [self.method.teaching] if self.method.teaching else []

    @property
    def micro_batch(self) -> int | None:
        return self.train.micro_batch

    def epochs_of(self, number: int, each: int) -> range:
        """The epochs of a mining round, numbered from 1, of which each has so many: they are counted on from 0."""
        first = self.train.epochs + (number - 1) * each
        return range(first, first + each)

    def with_rate(self, lr: float, **changes: object) -> Self:
        """The same with another peak learning rate, and perhaps other changes of the section `train`."""
        return replace(self, train=self.train.model_copy(update={"lr": lr, **changes}))

    @classmethod
    def supervised(
        cls, augment: Augment, model: Model, train: Train, *, labelled_fraction: float = 1.0, seed: int = 0
    ) -> Self:
        """Of a training with labels, in which nothing contrasts: of a share of each class, drawn by a seed."""
        unused = Loss(), Positives(), Negatives()
        return cls(model, MethodSection(name="supervised"), *unused, labelled_fraction, seed, augment, train)
