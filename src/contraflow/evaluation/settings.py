"""The section `eval`: what is measured."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from contraflow.images.settings import DataName
from contraflow.neighbours.settings import Knn
from contraflow.settings.values import Count, NotNegative, Positive, Section, Share, Switch, Text


class Linear(Section):
    weight_decay: Annotated[
        list[NotNegative], Field(min_length=1), "tried in turn, chosen on the validation images"
    ] = [0.01, 0.001, 0.0001, 1e-05]
    max_iterations: Annotated[Count, "of L-BFGS, for each weight decay"] = 300


class Transfer(Section):
    name: Annotated[DataName | None, Switch("mnist"), "one of those of data.name; null: none"] = None
    path: Annotated[Text, "as data.path"] = "data"


class FineTune(Section):
    share: Annotated[
        Share, Switch(0.5), "share of the training images whose labels are seen, drawn by each seed; 0: none"
    ] = 0.0
    epochs: Annotated[Count, "over these images alone"] = 20
    lr: Annotated[Positive, "as train.lr"] = 0.05


class Eval(Section):
    batch_size: Annotated[Count, "images at a time through the encoder"] = 500
    knn: Annotated[list[Knn], Field(min_length=1), "weighted k-NN: neighbours and temperature"] = [
        Knn(k=200, tau=0.1),
        Knn(k=20, tau=0.07),
    ]
    linear: Annotated[Linear, "logistic regression on frozen features, trained to convergence"] = Linear()
    few_labels: Annotated[
        list[Positive],
        "the same on few labels: shares of them (0.01 is 1 %), or whole numbers of images of each class; [] for none",
    ] = [0.01]
    few_draws: Annotated[Count, "which images those are is drawn so often; their accuracies are averaged"] = 3
    supervised: Annotated[
        bool, Switch(True), "true: the ceiling, the same encoder trained as long with all labels (docs/evaluation.md)"
    ] = False
    corruptions: Annotated[
        bool, Switch(True), "true: k-NN where the test images are noisy, blurred, brighter, compressed or turned"
    ] = False
    transfer: Annotated[Transfer, "the same encoder on another data set"] = Transfer()
    fine_tune: Annotated[FineTune, "the encoder and its random start, trained on with few labels"] = FineTune()

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
