"""All sections, and what one asks of another."""

from types import SimpleNamespace
from typing import Annotated, Self

from pydantic import Field, model_validator

from contraflow.config.augment import Augment
from contraflow.config.data import Data
from contraflow.config.evaluation import Eval, Report
from contraflow.config.mining import Mining
from contraflow.config.training import Loss, Method, Model, Negatives, Train
from contraflow.config.values import Section, Seed


class Params(Section):
    """Every parameter of a run."""

    seeds: Annotated[list[Seed], Field(min_length=1)]
    data: Data
    augment: Augment
    model: Model
    method: Method
    loss: Loss
    negatives: Negatives
    train: Train
    mining: Mining
    eval: Eval
    report: Report

    @model_validator(mode="after")
    def _seeds_differ(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must differ from each other, got {self.seeds}")
        return self

    @model_validator(mode="after")
    def _negatives_fit_the_loss(self) -> Self:
        name, weighting, similarity = self.method.name, self.negatives.weighting, self.loss.similarity
        if name in ("triplet", "margin") and weighting != "uniform":
            raise ValueError(
                f"negatives.weighting must be uniform where method.name is {name}, which sums over no softmax, "
                f"got {weighting}"
            )
        if name == "margin" and similarity == "dot":
            raise ValueError("loss.similarity must be cosine or euclidean where method.name is margin, got dot")
        if weighting != "uniform" and similarity != "cosine":
            raise ValueError(
                f"loss.similarity must be cosine where negatives.weighting is {weighting}, got {similarity}"
            )
        if self.negatives.mixed and similarity != "cosine":
            raise ValueError(f"loss.similarity must be cosine where negatives are mixed, got {similarity}")
        return self

    @model_validator(mode="after")
    def _small_crops_have_a_use(self) -> Self:
        if self.augment.chosen().local_views:
            if self.method.name != "simclr":
                raise ValueError(
                    f"augment.local_views must be 0 where method.name is {self.method.name}: only simclr takes small "
                    "crops"
                )
            if self.model.encoder == "vit_small":
                raise ValueError(
                    "augment.local_views must be 0 where model.encoder is vit_small: it takes one size only"
                )
        return self

    @model_validator(mode="after")
    def _companions_have_a_use(self) -> Self:
        if self.mining.use != "batches" and self.method.name != "simclr":
            raise ValueError(
                f"mining.use must be batches where method.name is {self.method.name}: only simclr compares "
                f"images with others beside the batch, got {self.mining.use}"
            )
        return self

    @model_validator(mode="after")
    def _keys_give_nothing_away(self) -> Self:
        if self.method.name == "moco" and self.model.norm == "batch" and self.train.gpus > 1:
            raise ValueError(
                "model.norm must be sync, instance or group where method.name is moco and train.gpus is above 1: "
                "statistics of one GPU's images give the positive away; got batch"
            )
        return self

    def only(self, *names: str) -> SimpleNamespace:
        """The named sections (`loss`) or single values (`data.name`), and nothing else.

        A step that reads what it did not name fails with AttributeError, so what `dvc.yaml` lists is what it uses.
        """
        view = SimpleNamespace()
        for name in names:
            section, _, key = name.partition(".")
            if not key:
                setattr(view, section, getattr(self, section))
                continue
            if not hasattr(view, section):
                setattr(view, section, SimpleNamespace())
            setattr(getattr(view, section), key, getattr(getattr(self, section), key))
        return view


def all_epochs(settings: Params | SimpleNamespace) -> int:
    """Epochs of a whole training, mining rounds included."""
    return settings.train.epochs + settings.mining.rounds * settings.mining.epochs
