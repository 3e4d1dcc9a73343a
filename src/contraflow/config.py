"""The parameters of a run: what `params.yaml` may say.

`params.yaml` is the place for values and their comments, this module for names, types and ranges.
Every step reads only the parts that it names to `Params.only`; the same names stand in `dvc.yaml`.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal, Self, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from contraflow.errors import UserError

METHODS = sorted(file.stem for file in (Path(__file__).parent / "methods").glob("[a-z]*.py"))  # one file each


def _number_from_yaml(value: object) -> object:
    """YAML 1.1 reads `1e-4` as text; every user means the number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    return value


Number = Annotated[float, BeforeValidator(_number_from_yaml), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
PartialShare = Annotated[Number, Field(gt=0, lt=1)]
Cosine = Annotated[Number, Field(ge=-1, le=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Range = Annotated[list[Positive], Field(min_length=2, max_length=2)]


class Section(BaseModel):
    """Common rules: unknown keys are refused, types are not coerced, values do not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _refuse_empty_range(name: str, bounds: list[float]) -> None:
    if bounds[0] > bounds[1]:
        raise ValueError(f"{name} must rise, got {bounds[0]} to {bounds[1]}")


def _refuse_impossible_area(name: str, bounds: list[float]) -> None:
    _refuse_empty_range(name, bounds)
    if bounds[1] > 1:
        raise ValueError(f"{name} must be at most 1, got {bounds[1]}")


DataName = Literal["fashion_mnist", "mnist", "cifar10", "cifar100", "svhn", "stl10", "folder"]


class Data(Section):
    name: DataName
    path: Annotated[str, Field(min_length=1)]
    table: Annotated[str, Field(min_length=1)] | None
    limit: Count | None
    image_size: Annotated[int, Field(ge=8, le=1024)] | None
    jpeg_above: Count
    skip_broken: bool
    labelled_fraction: Annotated[Number, Field(gt=0, le=1)]
    validation_fraction: PartialShare
    test_fraction: PartialShare
    split_seed: Seed

    @model_validator(mode="after")
    def _folder_has_a_size(self) -> Self:
        if self.name == "folder" and self.image_size is None:
            raise ValueError("data.image_size must be a number of pixels where data.name is folder, got null")
        return self

    @model_validator(mode="after")
    def _table_is_of_a_folder(self) -> Self:
        if self.table is not None and self.name != "folder":
            raise ValueError(f"data.table must be null where data.name is not folder, got {self.table!r}")
        return self


class ViewRecipe(Section):
    """What one view may look like."""

    crop_scale: Range
    crop_ratio: Range
    flip: Share
    rotation: Annotated[Number, Field(ge=0, le=180)]
    jitter: Share
    brightness: Share
    contrast: Share
    saturation: Share
    hue: Annotated[Number, Field(ge=0, le=0.5)]
    grey: Share
    blur: Share
    blur_sigma: Range
    solarise: Share

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        _refuse_impossible_area("augment.crop_scale", self.crop_scale)
        for name in ("crop_ratio", "blur_sigma"):
            _refuse_empty_range(f"augment.{name}", getattr(self, name))
        return self


class Views(ViewRecipe):
    """What the views of one image may look like: all as the recipe above says, but for what is said here."""

    second: dict[str, object] | None
    local_views: Annotated[int, Field(ge=0, le=100)]
    local_side: PartialShare
    local_crop_scale: Range

    @model_validator(mode="after")
    def _all_can_be(self) -> Self:
        _refuse_impossible_area("augment.local_crop_scale", self.local_crop_scale)
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
    recipe: str | None
    recipes: dict[str, dict[str, object]]

    @model_validator(mode="after")
    def _recipes_can_be(self) -> Self:
        for name in self.recipes:
            self._with(name)
        if self.recipe is not None and self.recipe not in self.recipes:
            raise ValueError(f"augment.recipe must be null or one of {', '.join(self.recipes)}, got {self.recipe!r}")
        return self

    def _with(self, name: str) -> Views:
        return _changed(self, Views, self.recipes[name], f"augment.recipes.{name}")

    def chosen(self) -> Views:
        """The values that count: those of this section, but for those that `recipe` names."""
        return self._with(self.recipe) if self.recipe else _changed(self, Views, {}, "augment")


def _changed(section: Section, kind: type[Section], changes: dict, where: str) -> Section:
    """The values of `section` that a section of `kind` has, some of them changed; the user calls these `where`.

    Raises:
        ValueError: a name or a value cannot be.
    """
    names = kind.model_fields
    for name in changes:
        if name not in names:
            raise ValueError(f"{where}.{name} is not a parameter; allowed are {', '.join(names)}")
    try:
        return kind.model_validate({name: getattr(section, name) for name in names} | changes)
    except ValidationError as error:
        sentences = (_sentence(e).removeprefix("augment.") for e in error.errors())
        raise ValueError("; ".join(f"{where}.{sentence}" for sentence in sentences)) from None


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


class Mining(Section):
    rounds: Annotated[int, Field(ge=0)]
    epochs: Count
    lr: Positive
    k: Count
    policy: Literal["hardest", "semi_hard", "margin", "weighted", "random"]
    candidates: Count
    exact_up_to: Annotated[int, Field(ge=0)]
    memory_mb: Count
    shards: Count
    use: Literal["batches", "forward", "stored"]
    companions: Count
    band: Annotated[list[Share], Field(min_length=2, max_length=2)]
    margin: Annotated[list[Cosine], Field(min_length=2, max_length=2)]
    tau: Positive
    false_negatives: Literal["none", "rank", "threshold", "mutual", "views"]
    fn_share: Annotated[Number, Field(ge=0, lt=1)]
    fn_threshold: Cosine
    fn_top: Count
    fn_views: Count

    @model_validator(mode="after")
    def _bounds_rise_and_candidates_suffice(self) -> Self:
        _refuse_empty_range("mining.band", self.band)
        _refuse_empty_range("mining.margin", self.margin)
        if self.candidates < self.k:
            raise ValueError(f"mining.candidates must be at least mining.k, which is {self.k}, got {self.candidates}")
        if self.use != "batches" and self.companions > self.k:
            raise ValueError(f"mining.companions must be at most mining.k, which is {self.k}, got {self.companions}")
        return self


# Names in the section mining that results depend on; the others only say how they are computed.
MINING = tuple(f"mining.{name}" for name in Mining.model_fields if name not in ("memory_mb", "shards"))


class Knn(Section):
    k: Count
    tau: Positive

    def __str__(self) -> str:
        return f"k = {self.k}, tau = {self.tau:g}"


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


class Report(Section):
    title: Annotated[str, Field(min_length=1)]
    tsne_points: Annotated[int, Field(ge=10)]
    gallery_anchors: Annotated[int, Field(ge=0)]


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


_SENTENCES = {
    "extra_forbidden": "is not a parameter",
    "missing": "is missing",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "model_type": "must be a section of settings",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "string_too_short": "must not be empty",
}


def _plain(bound: object) -> object:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _sentence(error: dict) -> str:
    """One validation error of pydantic in the words of a person."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    context = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    says = _SENTENCES.get(error["type"], error["msg"]).format(**context)
    if error["type"] == "extra_forbidden":
        section = Params
        for part in error["loc"][:-1]:
            in_list = isinstance(part, int)
            section = get_args(section)[0] if in_list else section.model_fields[part].annotation
        return f"{key} {says}; allowed are {', '.join(section.model_fields)}"
    return f"{key} {says}" if error["type"] == "missing" else f"{key} {says}, got {error['input']!r}"


def parse_params(content: object, source: str = "params.yaml") -> Params:
    """Check the parsed content of a parameter file.

    Raises:
        UserError: one line for each mistake, with its key, what is allowed and what was found.
    """
    if not isinstance(content, dict):
        raise UserError(f"{source} must be a list of sections such as `loss:`, got {type(content).__name__}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError("\n".join(f"{source}: {_sentence(e)}" for e in error.errors())) from None


def load_params(path: Path) -> Params:
    """Read and check a parameter file.

    Raises:
        UserError: the file is missing, is not YAML, or holds a value that is not allowed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run contraflow where params.yaml is, or name one with --params") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    return parse_params(content, str(path))
