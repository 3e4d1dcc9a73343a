"""The section `eval`: what is measured, and what the page says of what is measured on wish."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contraflow.images.settings import DataName
from contraflow.methods.parts.settings import WITH_TEXTS, WITH_TRANSFORMER
from contraflow.neighbours.settings import Knn
from contraflow.settings.values import (
    NOTHING,
    Count,
    NotNegative,
    Own,
    Place,
    Positive,
    Section,
    Share,
    Suited,
    Switch,
    Text,
    named,
)

CAPTIONS = "captions"  # the extra evaluation of images beside their texts
STS = "sts"  # that whose figures runs are compared by, too; it needs no labels
GRADED = ("mrr", "r_precision", "map@r")  # figures of which an image has a part, not just right or wrong


class Linear(Section):
    weight_decay: Annotated[
        list[NotNegative],
        Field(min_length=1),
        Suited({"emoji": [0.001]}),
        "tried in turn, chosen on the validation images; goes on by its own step where an edge of it is best",
    ] = [0.01, 0.001, 0.0001]
    max_iterations: Annotated[Count, "of conjugate gradients, for each weight decay; a bound that is rarely met"] = 5000


class Transfer(Section):
    name: Annotated[DataName | None, Switch("mnist"), "one of those of data.name; null: none"] = None
    path: Annotated[Place, "as data.path"] = "data"


class FineTune(Section):
    share: Annotated[
        Share, Switch(0.5), "share of the training images whose labels are seen, drawn by each seed; 0: none"
    ] = 0.0
    epochs: Annotated[Count, "over these images alone"] = 20
    lr: Annotated[Positive, Suited(dict.fromkeys(WITH_TRANSFORMER, 0.001)), "as train.lr"] = 0.05


@dataclass(frozen=True)
class Asked:
    """An extra evaluation that the parameters ask for, with what the page says of its figures.

    Figures are accuracies by name, or in dicts by case, by level and by name.

    Attributes:
        title: Of their table.
        guide: What it shows, what is good and what is bad; `{data}` stands for the name of the data set.
        of: The representations that the page needs the figures of.
        names: Of those that the table calls otherwise than the summary does, whose name stands where `{}` is.
        cases: Names of the cases whose key is none.
        level: What a level is; level 0 goes without saying.
        figures: Name and setting of each figure that the summary does not have.
        unit: Of the figures.
    """

    title: str
    guide: tuple[str, str, str]
    of: tuple[str, ...] = ("encoder", "untrained", "raw_pixels")
    names: dict[str, str] = field(default_factory=dict)
    cases: dict[str, str] = field(default_factory=dict)
    level: str = ""
    figures: dict[str, tuple[str, str]] = field(default_factory=dict)
    unit: str = "Accuracy, %"


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
    retrieval: Annotated[
        list[Count],
        Switch([1, 4]),
        Suited({"wordnet": [1, 5, 10]}),
        "k of recall@k, beside MRR, R-precision and MAP@R: are a test image's nearest others like it; [] for none, or "
        "for 1 where the test has other classes than the training",
    ] = []
    retrieval_by: Annotated[
        Literal["label", "group"],
        Suited({"wordnet": "group"}),
        "who is right to find: others of the same label or group",
    ] = "label"
    captions: Annotated[
        list[Count],
        Switch([1, 4]),
        Suited({name: [1, 5, 10] for name in WITH_TEXTS}),
        "k of recall@k: do a test image and its texts find each other; [] for none, as where a method has no texts",
    ] = []
    templates: Annotated[
        list[Text], Field(min_length=1), "captions: what is said of an image of a class, {} its name (zero-shot)"
    ] = ["{}"]
    sts: Annotated[
        Own,
        Switch("scores.csv"),
        "a CSV file of text_1, text_2 and the score that people gave to how alike they are: is that the order of the "
        "encoder's cosines (docs/text.md); data: none",
    ] = NOTHING
    transfer: Annotated[Transfer, "the same encoder on another data set"] = Transfer()
    fine_tune: Annotated[FineTune, "the encoder and its start, trained on with few labels"] = FineTune()

    @model_validator(mode="after")
    def _names_of_figures_differ(self) -> Self:
        ks = [knn.k for knn in self.knn]
        if len(set(ks)) < len(ks):
            raise ValueError(f"eval.knn must name each k once (results are called knnK), got {ks}")
        for amount in self.few_labels:
            if amount >= 1 and amount % 1:
                raise ValueError(
                    "eval.few_labels must hold shares of the labels (0.01) or whole numbers of images of each class "
                    f"(5), got {amount:g}"
                )
        if len(set(self.captions)) < len(self.captions):
            raise ValueError(f"eval.captions must name each k once, got {self.captions}")
        if bare := [template for template in self.templates if "{}" not in template]:
            raise ValueError(f"eval.templates must have {{}} where the name of the class stands, got {bare[0]!r}")
        if len(set(self.retrieval)) < len(self.retrieval):
            raise ValueError(f"eval.retrieval must name each k once, got {self.retrieval}")
        if len(self.few) < len(self.few_labels):
            raise ValueError(f"eval.few_labels must name each amount once, got {self.few_labels}")
        return self

    @property
    def scored(self) -> Path | None:
        """The file of texts that people have scored; None where there is none."""
        return named(self.sts)

    @property
    def sought(self) -> str:
        """What retrieval looks for others of, in a word."""
        return {"label": "class", "group": "group"}[self.retrieval_by]

    @property
    def few(self) -> dict[str, float]:
        """The amounts of `few_labels` by the name of their figure: `linear_1pct` for 0.01, `linear_5each` for 5."""
        return {
            f"linear_{int(n)}each" if n >= 1 else f"linear_{100 * n:g}pct".replace(".", "_"): n for n in self.few_labels
        }

    def recalls(self, *, unseen: bool) -> list[int]:
        """The k of recall@k: where the test images are of classes that training has not, at least one."""
        return self.retrieval or ([1] if unseen else [])

    def figures(self, *, unseen: bool) -> list[str]:
        """Names of all that is measured by the labels of test images, the one first by which a run is judged.

        Args:
            unseen: Whether training has none of their classes: then no classifier can name them.
        """
        ks = self.recalls(unseen=unseen)
        retrieval = [*(f"recall@{k}" for k in ks), *GRADED] if ks else []
        return retrieval if unseen else ["linear", *self.few, *(f"knn{knn.k}" for knn in self.knn), *retrieval]

    @property
    def extras(self) -> dict[str, Asked]:
        """The extra evaluations that are asked for, by the name of their setting."""
        found = {}
        if self.corruptions:
            found["corruptions"] = Asked(
                "Corrupted test images",
                (
                    "k-NN on test images that were corrupted, among training images that were not "
                    "(Hendrycks & Dietterich 2019; rotation is an addition).",
                    "the encoder loses little, and less than raw pixels, above all where its augmentations are of "
                    "that kind.",
                    "it falls below raw pixels and what it started from at low severity: the features hang on details "
                    "that a camera would change.",
                ),
                cases={"clean": "As they are", "jpeg": "JPEG"},
                level="severity",
            )
        if self.captions:
            found[CAPTIONS] = Asked(
                "Images and their texts",
                (
                    "Test images among the texts of all of them, and texts among the images; and images named by the "
                    "names of classes alone, without a label (zero-shot).",
                    "the encoders are far ahead of chance and of pixels with TF-IDF, in both directions.",
                    "they are no better than before training: images and texts have no space in common.",
                ),
                of=("encoder", "untrained", "raw_pixels", "chance"),
                names={
                    "encoder": "Encoders",
                    "untrained": "Untrained encoders",
                    "raw_pixels": "Raw pixels and TF-IDF",
                    "chance": "Chance",
                },
                figures={
                    f"{way}_{name}": (title, name if name != "mrr" else "MRR")
                    for way, title in (("image_to_text", "Image to text"), ("text_to_image", "Text to image"))
                    for name in (*(f"recall@{k}" for k in self.captions), "mrr")
                }
                | {"zero_shot": ("Zero-shot", "by class names")},
            )
        if self.scored:
            found[STS] = Asked(
                "Texts as people score them",
                (
                    "Spearman's rank correlation, times 100, of an encoder's cosine similarities with the scores that "
                    "people gave to pairs of texts: 100 is the same order, 0 none, and less the other way round.",
                    "the encoder is ahead of TF-IDF: it sees likeness of meaning where words differ.",
                    "it is no better than before training, or than TF-IDF, which compares words alone.",
                ),
                names={"raw_pixels": "TF-IDF"},
                figures={"spearman": ("Spearman", "95 % interval over sets of pairs")},
                unit="Correlation times 100",
            )
        if self.transfer.name:
            found["transfer"] = Asked(
                f"Transfer to {self.transfer.name}",
                (
                    "The same representations on images of another data set; the encoder was trained on {data}.",
                    "the encoder is ahead of raw pixels and of its start: what it learned serves other images, too.",
                    "it is behind its start: it learned what sets apart the images that it knows, and little else.",
                ),
            )
        if self.fine_tune.share:
            found["fine_tune"] = Asked(
                "Fine-tuning with few labels",
                (
                    "The same network trained with the same few labels, once from the encoder and once from what "
                    "it started from.",
                    "the encoder is ahead: its pretraining is worth labels.",
                    "no difference: with so many labels and epochs the pretraining is forgotten.",
                ),
                of=("encoder", "untrained"),
                names=dict.fromkeys(("encoder", "untrained"), "{}, fine-tuned"),
                figures={"accuracy": ("Classifier", f"{100 * self.fine_tune.share:g} % of the labels")},
            )
        return found
