"""The sections `method`, `loss` and `negatives`: what is learned, and from which comparisons."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, create_model, model_validator

from contraflow.foundations.signature import Settings
from contraflow.models.settings import Encoder, Model
from contraflow.settings.values import (
    NOTHING,
    Count,
    Natural,
    NotNegative,
    Number,
    Own,
    PartialShare,
    Positive,
    PositiveShare,
    Section,
    Share,
    ShareBelowOne,
    Suited,
    Switch,
    named,
)

METHOD_NAMES = sorted(file.stem for file in Path(__file__).parents[1].glob("[a-z]*.py"))  # one file each
WITH_TEXTS = ("clip", "siglip")
WITH_TRANSFORMER = (*WITH_TEXTS, "simcse")
TAKES = {"simcse": "texts"} | dict.fromkeys((*WITH_TEXTS, "distil"), "images")  # where that is but one kind of items
WITHOUT_NEGATIVES = ("byol", "simsiam", "barlow_twins", "vicreg", "swav", "dino", "distil", "supervised")
WITHOUT_SOFTMAX = ("triplet", "margin", "siglip")
WITH_SMALL_CROPS = ("simclr", "swav", "dino")
LEAST_TAU = 0.01  # of clip and siglip, whose scale of 1 / tau is at most 100


class MethodSection(Section):
    name: Annotated[
        Literal[*METHOD_NAMES],
        Switch("clip"),
        "moco memory_bank nnclr byol simsiam barlow_twins vicreg swav dino distil triplet margin supcon supervised "
        "clip siglip; of texts alone simcse",
    ] = "simclr"
    queue: Annotated[Count, "moco, nnclr: stored keys; memory_bank: stored keys drawn as negatives of a step"] = 4096
    momentum: Annotated[
        list[Share],
        Field(min_length=2, max_length=2),
        "moco, byol, dino: share of its old weights that the momentum encoder keeps, from first to last step of a "
        "round",
    ] = [0.99, 1.0]
    bank_momentum: Annotated[
        ShareBelowOne, "memory_bank, and mining.use stored: share of its old vector that an image keeps"
    ] = 0.5
    prototypes: Annotated[
        int,
        Field(ge=2),
        "swav: what images are assigned to, of each an equal share; dino: outputs of its head",
    ] = 64
    frozen_prototypes: Annotated[
        Natural, "swav, dino: first epochs of pretraining in which these stay as they were drawn"
    ] = 1
    sinkhorn_iterations: Annotated[Count, "swav: how often the shares are made equal"] = 3
    sinkhorn_epsilon: Annotated[Positive, "swav: the smaller, the more an image is assigned to one prototype alone"] = (
        0.05
    )
    centring: Annotated[
        ShareBelowOne, "dino: share of its old value that the centre of the teacher's outputs keeps in a step"
    ] = 0.9
    teacher: Annotated[
        Own,
        "distil: the file of the frozen encoder whose features are learned, like model.weights; data: none "
        "(docs/encoders.md)",
    ] = NOTHING
    teacher_encoder: Annotated[
        Encoder | None,
        "distil: what that encoder is, like model.encoder; null: as its file says, which contraflow wrote",
    ] = None

    @property
    def teaching(self) -> Path | None:
        """The file of the teacher; None where there is none."""
        return named(self.teacher)


class Loss(Section):
    tau: Annotated[
        Positive,
        Suited({"glyphs": 0.1, "clip": 0.07, "siglip": 0.1, "simcse": 0.05}),
        "temperature of the softmax (not of byol, simsiam, barlow_twins, vicreg, distil, triplet, margin), or of the "
        "sigmoid of siglip",
    ] = 0.2
    temperature: Annotated[
        Literal["fixed", "learned", "cosine", "macl"],
        Suited(dict.fromkeys(WITH_TEXTS, "learned")),
        "fixed (swav, dino: no other), learned (from tau), cosine (swings from tau_max to tau and back), macl "
        "(adapts); clip, siglip: fixed or learned",
    ] = "fixed"
    tau_max: Annotated[Positive, "cosine"] = 1.0
    tau_swings: Annotated[Count, "cosine: there and back in a round of training"] = 1
    macl_alpha: Annotated[NotNegative, "macl: tau grows by this share with views that are all alike"] = 0.5
    similarity: Annotated[
        Literal["cosine", "dot", "euclidean"],
        "cosine, dot, euclidean (minus the distance); not of the methods without negatives",
    ] = "cosine"
    margin: Annotated[
        Positive, "triplet: by how much the positive shall be more similar; margin: how far negatives shall be"
    ] = 0.5
    triplet: Annotated[
        Literal["random", "semi_hard", "hardest"], "the negative that triplet takes: random, semi_hard, hardest"
    ] = "semi_hard"
    cross_entropy: Annotated[
        NotNegative, "weight of the cross-entropy of a linear classifier beside any method (labelled images); 0: none"
    ] = 0.0
    barlow_redundancy: Annotated[Positive, "barlow_twins: weight of correlations between different dimensions"] = 0.005
    vicreg: Annotated[
        list[NotNegative], Field(min_length=3, max_length=3), "vicreg: weights of invariance, variance and covariance"
    ] = [25.0, 25.0, 1.0]

    teacher_tau: Annotated[
        list[Positive],
        Field(min_length=2, max_length=2),
        "dino: temperature of the teacher's softmax, below tau; it goes from the first to the last",
    ] = [0.04, 0.07]
    teacher_warmup: Annotated[Share, "dino: in the first so much of a round of training"] = 0.3
    distillation: Annotated[
        Literal["cosine", "mse"],
        "distil: distance from the teacher's features: cosine, mse (each dimension standardised), less a batch's mean",
    ] = "cosine"

    @model_validator(mode="after")
    def _tau_rises(self) -> Self:
        if self.temperature == "cosine" and self.tau_max < self.tau:
            raise ValueError(f"loss.tau_max must be at least loss.tau, {self.tau}, got {self.tau_max}")
        return self


_From = create_model(  # a class cannot have a field of this name in its body, for it is a word of Python
    "_From",
    __base__=Section,
    **{
        "from": (
            Annotated[
                Literal["image", "label", "group", "order"],
                Suited({"wordnet": "group"}),
                "the other view is of: image (the same), label, group (another of the same), order (one near by)",
            ],
            "image",
        )
    },
)


class Positives(_From):
    window: Annotated[
        int, Field(ge=1, lt=2**31), "order: images of a group within so many places of each other show the same"
    ] = 1

    @property
    def source(self) -> str:
        """The value of `from`."""
        return getattr(self, "from")


class Negatives(Section):
    exclude_window: Annotated[
        int,
        Field(ge=0, lt=2**31),
        "images within so many places of each other in order are no negatives (video, time series)",
    ] = 0
    false_negatives: Annotated[
        Literal["keep", "eliminate", "attract"],
        "suspected ones: keep, eliminate (no negatives any more), attract (positives)",
    ] = "keep"
    fn_top: Annotated[Count, "suspected are an anchor's nearest so many"] = 10
    fn_threshold: Annotated[Number, "if they are more similar than this"] = 0.7
    selection: Annotated[
        Literal["all", "ring", "hardest", "margin", "adaptive"],
        "all, ring (inner to outer), hardest (k), margin, adaptive (ring whose outer bound moves)",
    ] = "all"
    inner: Annotated[ShareBelowOne, "ring, adaptive: share of the negatives, the nearest, left out"] = 0.01
    outer: Annotated[
        PositiveShare, "ring, adaptive: share of the negatives, the nearest, beyond which all are left out"
    ] = 0.1
    fn_target: Annotated[
        PartialShare,
        "adaptive: fewer suspected false negatives than this share make outer smaller, more make it larger",
    ] = 0.05
    k: Annotated[Count, "hardest: so many nearest"] = 64
    margin: Annotated[NotNegative, "margin: those at least as similar as the positive less this"] = 0.2
    mix_hardest: Annotated[Count, "synthetic negatives are mixed from so many nearest"] = 64
    mix_pairs: Annotated[Natural, "so many from two of them"] = 0
    mix_anchor: Annotated[Natural, "so many from one of them and the anchor"] = 0
    weighting: Annotated[
        Literal["uniform", "debiased", "hcl"], "uniform, debiased (tau_plus), hcl (beta and tau_plus)"
    ] = "uniform"
    tau_plus: Annotated[ShareBelowOne, "debiased, hcl: probability that a negative is false"] = 0.1
    beta: Annotated[NotNegative, "hcl: the larger, the more the nearest count"] = 1.0

    @model_validator(mode="after")
    def _band_rises(self) -> Self:
        if self.inner >= self.outer:
            raise ValueError(f"negatives.outer must be greater than negatives.inner, {self.inner}, got {self.outer}")
        return self

    @property
    def mixed(self) -> bool:
        """Whether synthetic negatives are made."""
        return self.mix_pairs + self.mix_anchor > 0


@dataclass(frozen=True)
class MethodSettings(Settings):
    """What a method reads."""

    model: Model
    method: MethodSection
    loss: Loss
    positives: Positives
    negatives: Negatives

    @property
    def micro_batch(self) -> int | None:
        """Of how many images encoders see the views at a time; None for all."""
        return None
