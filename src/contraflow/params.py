"""The parameters of a run: what `params.yaml` may say, all its sections, and what one asks of another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from contraflow.evaluation.settings import Eval
from contraflow.foundations.errors import UserError
from contraflow.foundations.shares import part_of
from contraflow.images.items import item_mistakes
from contraflow.images.settings import Data
from contraflow.methods.parts.mistakes import text_mistakes
from contraflow.methods.parts.settings import (
    TAKES,
    WITH_SMALL_CROPS,
    WITHOUT_NEGATIVES,
    WITHOUT_SOFTMAX,
    Loss,
    MethodSection,
    Negatives,
    Positives,
)
from contraflow.mining.settings import Mining
from contraflow.models.settings import Model, groups, module_of
from contraflow.pages.settings import Report
from contraflow.settings.sentences import sentence
from contraflow.settings.values import File, Section, Seed, flat, named
from contraflow.training.settings import Train
from contraflow.views.settings import Augment


class Params(Section):
    """Every parameter of a run."""

    seeds: Annotated[
        list[Seed], Field(min_length=1), "one training a seed; every figure is a mean and a spread over them"
    ] = [0, 1, 2]
    data: Data = Data()
    augment: Annotated[Augment, "what makes the views of one image differ; probabilities from 0 (off) to 1"] = Augment()
    model: Model = Model()
    method: MethodSection = MethodSection()
    loss: Loss = Loss()
    positives: Annotated[
        Positives,
        "which images show the same: they are positives of each other, and never negatives",
    ] = Positives()
    negatives: Annotated[
        Negatives, "of every method that has them, wherever they lie: batch, queue or bank; applied in this order"
    ] = Negatives()
    train: Train = Train()
    mining: Annotated[Mining, "hard negatives, found between rounds of training with the encoder as it then is"] = (
        Mining()
    )
    eval: Eval = Eval()
    report: Report = Report()

    @model_validator(mode="after")
    def _sections_fit_together(self) -> Self:
        for mistake in self._mistakes():
            raise ValueError(mistake)
        return self

    def _mistakes(self) -> Iterator[str]:
        """What one section asks for that another cannot give."""
        if not self.data.sized:
            size = self.model.trained_size()
            hint = f"; weights of {self.model.encoder} are made for {size}" if size else ""
            yield f"data.image_size must be a number of pixels where data.name is {self.data.name}, got null{hint}"
        name, weighting, similarity = self.method.name, self.negatives.weighting, self.loss.similarity
        if len(set(self.seeds)) < len(self.seeds):
            yield f"seeds must differ from each other, got {self.seeds}"
        if name in WITHOUT_SOFTMAX and weighting != "uniform":
            yield (
                f"negatives.weighting must be uniform where method.name is {name}, which sums over no softmax, "
                f"got {weighting}"
            )
        if name == "supervised" and self.loss.cross_entropy:
            yield (
                "loss.cross_entropy must be 0 where method.name is supervised, which is that alone, "
                f"got {self.loss.cross_entropy:g}"
            )
        if name == "margin" and similarity == "dot":
            yield "loss.similarity must be cosine or euclidean where method.name is margin, got dot"
        if weighting != "uniform" and similarity != "cosine":
            yield f"loss.similarity must be cosine where negatives.weighting is {weighting}, got {similarity}"
        if self.negatives.mixed and similarity != "cosine":
            yield f"loss.similarity must be cosine where negatives are mixed, got {similarity}"
        if self.augment.chosen().local_views and name not in WITH_SMALL_CROPS:
            takers = ", ".join(WITH_SMALL_CROPS)
            yield f"augment.local_views must be 0 where method.name is {name}: small crops are taken by {takers}"
        if self.augment.chosen().local_views and self.model.encoder == "vit_small":
            yield "augment.local_views must be 0 where model.encoder is vit_small: it takes one size only"
        if self.augment.chosen().local_views and self.model.pooling == "linear":
            yield "augment.local_views must be 0 where model.pooling is linear: it takes one size only"
        if self.model.pooling == "linear" and self.model.encoder == "vit_small":
            yield "model.pooling must be average where model.encoder is vit_small, which has no map to pool, got linear"
        if self.model.pooling == "linear" and self.model.foreign:
            yield f"model.pooling must be average where model.encoder is {self.model.encoder}, which pools, got linear"
        if self.train.frozen_epochs and self.model.projection == "none":
            yield (
                "train.frozen_epochs must be 0 where model.projection is none, which leaves no head to learn alone, "
                f"got {self.train.frozen_epochs}"
            )
        if self.mining.use != "batches" and name in WITHOUT_NEGATIVES:
            yield (
                f"mining.use must be batches where method.name is {name}: it compares no image with others as "
                f"negatives, got {self.mining.use}"
            )
        if self.mining.use == "stored" and name == "nnclr":
            yield (
                "mining.use must be batches or forward where method.name is nnclr: its anchors are stored, too, and no "
                "gradient would enter either; got stored"
            )
        if self.positives.source in ("group", "order") and not self.data.grouped:
            yield f"data.table must name a table where positives.from is {self.positives.source}, got null"
        if self.eval.retrieval_by == "group" and not self.data.grouped:
            yield "data.table must name a table where eval.retrieval_by is group, got null"
        if self.positives.source == "label" and self.negatives.exclude_window:
            yield "negatives.exclude_window must be 0 where positives.from is label"
        if name == "moco" and self.model.norm == "sync":
            yield (
                "model.norm must be batch, instance or group where method.name is moco: statistics of the whole batch "
                "give the positive away; got sync"
            )
        if self.data.limit and self.train.batch_size > self.data.limit:
            yield f"train.batch_size must be at most data.limit, {self.data.limit}, got {self.train.batch_size}"
        if known := self.data.known():
            yield from self._too_few(*known)
        yield from self._method_mistakes()
        values = dict(flat(self.model_dump()))
        yield from item_mistakes(self.data, TAKES.get(name), values)
        yield from text_mistakes(self.data.items, values)
        yield from self._too_small()
        yield from self._too_short()

    def _method_mistakes(self) -> Iterator[str]:
        """What only some methods ask for."""
        method, model, loss = self.method, self.model, self.loss
        if method.name == "swav" and method.prototypes > self.train.batch_size:
            yield (
                f"method.prototypes must be at most train.batch_size, {self.train.batch_size}, where method.name is "
                f"swav, which gives each an equal share of a batch; got {method.prototypes}"
            )
        if method.name == "dino" and max(loss.teacher_tau) >= loss.tau:
            yield (
                f"loss.teacher_tau must be less than loss.tau, {loss.tau:g}, where method.name is dino: the teacher's "
                f"outputs are to be the sharper ones; got {max(loss.teacher_tau):g}"
            )
        if method.name == "distil" and not method.teaching:
            yield "method.teacher must be a file of weights where method.name is distil, got data"
        if method.name != "distil" and (method.teaching or method.teacher_encoder):
            key, value = ("teacher", method.teacher) if method.teaching else ("teacher_encoder", method.teacher_encoder)
            none = "data" if method.teaching else "null"
            yield f"method.{key} must be {none} where method.name is {method.name}, which has no teacher; got {value}"
        if named(model.code) and not (model.module or module_of(method.teacher_encoder)):
            yield (
                f"model.code must be data where model.encoder is {model.encoder}, which is no package.module:function, "
                f"got {model.code!r}"
            )

    def require_enough(self, images: int, classes: int) -> None:
        """Refuse batches that so many training images cannot fill, or those that fine-tuning sees of so many classes.

        Raises:
            UserError: they cannot.
        """
        for mistake in self._too_few(images, classes):
            raise UserError(mistake)

    def _too_few(self, images: int, classes: int) -> Iterator[str]:
        batch, share = self.train.batch_size, self.eval.fine_tune.share
        if self.mining.rounds and self.mining.k >= images:
            yield f"mining.k must be less than the number of training images, {images}, got {self.mining.k}"
        if batch > images:
            yield f"train.batch_size must be at most the number of training images, {images}, got {batch}"
        labelled = int(part_of(images, share)) + classes if classes else 0  # of each class the share is rounded up
        if share and batch > labelled:
            yield (
                f"eval.fine_tune.share must leave at least train.batch_size, {batch}, labelled images, "
                f"but {share:g} leaves at most {labelled}"
            )

    def _too_small(self) -> Iterator[str]:
        """Images that the encoder cannot divide, or of which too little is left to take statistics of."""
        model, side, views, batch = self.model, self.data.side, self.augment.chosen(), self.train.batch_size
        if self.data.items == "texts":
            return
        stride = model.stride(side)
        if model.encoder == "vit_small":
            if side % stride:
                yield f"data.image_size must be a multiple of {stride} where model.encoder is vit_small, got {side}"
            return
        smallest = min(side, views.local_pixels(side)) if views.local_views else side
        single = stride is not None and smallest <= stride  # pixel is left; of a foreign encoder its network is asked
        if stride is not None and smallest <= stride // 2:
            # little could be learned, and in bfloat16 on a CPU torch 2.14 takes gradients of such layers from memory
            # that nobody wrote
            yield (
                f"a view must be of more than {stride // 2} pixels a side (data.image_size, or augment.local_side of "
                f"it) where model.encoder is {model.encoder}: a stride would be larger than its map; got {smallest}"
            )
        if model.norm == "instance" and single:
            yield (
                f"model.norm must be batch, sync or group where a view has {smallest} pixels a side (data.image_size, "
                f"or augment.local_side of it): {model.encoder} leaves a single one of it; got instance"
            )
        if model.norm == "batch" and self.method.name == "moco" and self.train.micro_batch:
            yield (
                "model.norm must be instance or group where method.name is moco and train.micro_batch is not null: "
                "a part of a batch cannot be divided into the groups of the whole; got batch"
            )
        elif model.norm == "batch":
            split = groups(batch) if self.method.name == "moco" else self.train.gpus
            if split % self.train.gpus:
                yield (
                    f"train.gpus must divide the {split} groups of a batch that moco normalises apart, "
                    f"got {self.train.gpus}"
                )
            if single and batch // split < 2:
                yield (
                    f"train.batch_size {batch} makes groups of one image that are normalised apart, which images of "
                    f"{side} pixels a side are too small for: it must be divisible into larger ones"
                )

    def _too_short(self) -> Iterator[str]:
        """Trainings that would end before their warm-up."""
        trainings = {
            "train.epochs": self.train.epochs,
            "mining.epochs": self.mining.epochs if self.mining.rounds else None,
            "eval.fine_tune.epochs": self.eval.fine_tune.epochs if self.eval.fine_tune.share else None,
        }
        for name, epochs in trainings.items():
            if epochs is not None and self.train.warmup_epochs >= epochs:
                yield f"train.warmup_epochs must be less than {name}, {epochs}, got {self.train.warmup_epochs:g}"

    @property
    def all_epochs(self) -> int:
        """Epochs of a whole training, mining rounds included."""
        return self.train.epochs + self.mining.rounds * self.mining.epochs


def parse_params(content: object, source: str = "params.yaml", complete: bool = True) -> Params:
    """Check the parsed content of a parameter file.

    Args:
        content: What YAML reads in it.
        source: What the user calls it.
        complete: Whether it must name every parameter, and null is what suits its method, data set and encoder; else
            what it does not name, or says null of, has its default.

    Raises:
        UserError: one line for each mistake, with its key, what is allowed and what was found.
    """
    if not isinstance(content, dict):
        raise UserError(f"{source} must be a list of sections such as `loss:`, got {type(content).__name__}")
    naming = {"method": "name", "data": "name", "model": "encoder"}
    chosen = [section.get(name) for key, name in naming.items() if isinstance(section := content.get(key), dict)]
    file = File(complete, tuple(name for name in chosen if isinstance(name, str)) if complete else ())
    try:
        return Params.model_validate(content, context=file)
    except ValidationError as error:
        raise UserError("\n".join(f"{source}: {sentence(e, Params)}" for e in error.errors())) from None


def load_params(path: Path, *, complete: bool = True) -> Params:
    """Read and check a parameter file; `complete` as of `parse_params`.

    Raises:
        UserError: the file is missing, is not UTF-8 or YAML, or holds a value that is not allowed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: type the command where params.yaml is") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path} must be in UTF-8, and is not in line {line}: save it so in your editor") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    return parse_params(content, str(path), complete)
