"""The section `eval`: what is measured."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from contraflow.images.settings import DataName
from contraflow.neighbours.settings import Knn
from contraflow.settings.values import Count, NotNegative, Positive, Section, Share


class Linear(Section):
    weight_decay: Annotated[list[NotNegative], Field(min_length=1)]
    max_iterations: Count


class Transfer(Section):
    name: DataName | None
    path: Annotated[str, Field(min_length=1)]


class FineTune(Section):
    share: Share
    epochs: Count
    lr: Positive


class Eval(Section):
    batch_size: Count
    knn: Annotated[list[Knn], Field(min_length=1)]
    linear: Linear
    few_labels: list[Positive]
    few_draws: Count
    supervised: bool
    corruptions: bool
    transfer: Transfer
    fine_tune: FineTune

    @model_validator(mode="after")
    def _k_is_a_name(self) -> Self:
        ks = [knn.k for knn in self.knn]
        if len(set(ks)) < len(ks):
            raise ValueError(f"eval.knn must name each k once (results are called knnK), got {ks}")
        return self

    @model_validator(mode="after")
    def _few_labels_are_shares_or_numbers(self) -> Self:
        for amount in self.few_labels:
            if amount >= 1 and amount % 1:
                raise ValueError(
                    "eval.few_labels must hold shares of the labels (0.01) or whole numbers of images of each class "
                    f"(5), got {amount:g}"
                )
        if len(self.few) < len(self.few_labels):
            raise ValueError(f"eval.few_labels must name each amount once, got {self.few_labels}")
        return self

    @property
    def few(self) -> dict[str, float]:
        """The amounts of `few_labels` by the name of their figure: `linear_1pct` for 0.01, `linear_5each` for 5."""
        return {
            f"linear_{int(n)}each" if n >= 1 else f"linear_{100 * n:g}pct".replace(".", "_"): n for n in self.few_labels
        }
