"""One round of training, from parameters and data to a checkpoint and its history."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from torch import Tensor, nn

from contraflow.collectives import from_first, rank, world_size
from contraflow.devices import compute_exactly, job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.encoded.kin import Kin, copies_of, kin_of
from contraflow.encoded.splits import draw_labelled
from contraflow.foundations.errors import UserError
from contraflow.foundations.launched import launch
from contraflow.foundations.progress import say
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import Reads, Writes
from contraflow.methods.parts.base import DataShape, Method
from contraflow.methods.parts.momentum import MomentumCopy
from contraflow.methods.parts.registry import METHODS, source_of
from contraflow.methods.parts.settings import TAKES
from contraflow.methods.parts.slots import MinedSlots
from contraflow.models.adapters import add_adapters, merge_adapters
from contraflow.models.checkpoint import Checkpoint, load_model, of_encoder, read_checkpoint, save_model
from contraflow.models.embed import embed
from contraflow.models.huggingface import Architecture, FolderEncoder
from contraflow.models.normalisation import Normalisation
from contraflow.models.weights import load_weights
from contraflow.models.whitening import find_whitening, found_on
from contraflow.training.history import save_history
from contraflow.training.loop import Round, train
from contraflow.training.parallel import on_each
from contraflow.training.settings import Training
from contraflow.training.state import digest_of
from contraflow.training.teacher import Teacher
from contraflow.training.validation import validation_knn
from contraflow.views.items import item_loader, item_views
from contraflow.views.loader import CompanionLoader, ViewLoader
from contraflow.views.texts import TextViews

PROJECTED = 500  # images at a time

# What every step that trains an encoder writes.
CheckpointOut = Annotated[Path, Writes("Checkpoint to write (.safetensors).")]
HistoryOut = Annotated[Path, Writes("History of the training to write (.csv).")]

# What every step reads that goes on from an encoder of the run.
StartIn = Annotated[Path, Reads("Checkpoint to go on from (.safetensors).")]
BeforeIn = Annotated[Path, Reads("History of its training (.csv).")]


@dataclass(frozen=True)
class RoundTraining:
    """The training of one round.

    Attributes:
        data: Encoded images.
        todo: What is trained, from where on.
        encoder, history: The checkpoint to write, and its history.
        state: File that is written after each epoch, to go on from.
        threads: CPU threads that make views.
        provenance: What the round is made from, for the checkpoint.
    """

    settings: Training
    data: EncodedData
    todo: Round
    encoder: Path
    history: Path
    state: Path
    threads: int
    provenance: Provenance

    def run(self) -> None:
        """Train on as many GPUs as `settings.train` asks for, or on the CPU, and write a checkpoint and its history.

        Processes that a launcher started do it together, each with its share of the GPUs.

        Raises:
            UserError: data, checkpoint, parameters and processes do not fit together, or the loss is not finite.
        """
        images, batch = len(self._indices), self.settings.train.batch_size
        card, name = self.data.card, self.settings.method.name
        if card.items != (taken := TAKES.get(name, card.items)):
            raise UserError(f"method.name {name} takes {taken}, and {card.name} has {card.items}: see docs/text.md")
        if METHODS[name].needs_texts and card.texts is None:
            raise UserError(f"method.name {name} needs texts, and {card.name} has none: see docs/text.md")
        if images < batch:  # before anything waits for a GPU
            raise UserError(f"train.batch_size must be at most the number of training images, {images}, got {batch}")
        gpus, launched = self.settings.train.gpus, launch()
        if gpus % launched.of:
            raise UserError(
                f"train.gpus must be a multiple of the {launched.of} processes in which this training was started, "
                f"got {gpus}"
            )
        with lease(gpus // launched.of) as devices:
            on_each(devices, self._run_on)

    @property
    def _indices(self) -> np.ndarray:
        """The images to train on."""
        return self.data.training if self.todo.indices is None else self.todo.indices

    def _run_on(self, device: torch.device) -> None:
        """What each process of a training does on a device of its own; the first alone writes."""
        settings, data, todo = self.settings, self.data, self.todo
        seen = self.provenance, self.state.name, digest_of(self.state)
        if from_first(seen) != seen:
            raise UserError(
                f"the hosts of this training do not see the same data, parameters, code or {self.state}: they must lie "
                "in a folder that all share; where they do, run the same command again in a minute"
            )
        torch.set_num_threads(job_cores())
        if device.type == "cuda":
            compute_exactly()
        torch.manual_seed(todo.seed)  # the same in all processes, which draw the same weights and numbers in each step
        labels, given, teacher = _labels(settings, data), Normalisation(data.card.mean, data.card.std), None
        if (taught_by := Teacher.of(settings.method, settings.model)) is not None:
            teacher, told = taught_by.build(data.card.channels, data.card.image_size, given)
            if rank() == 0:
                say(told)
        method = build_method(settings, data, self._indices, taught=teacher.dimension if teacher else 0)
        if todo.start is not None:
            load_model(todo.start, method)
        elif todo.encoder is not None:
            _take(method, of_encoder(read_checkpoint(todo.encoder)[0]))
        elif weights := settings.model.pretrained:
            told = load_weights(method.encoder, weights, given)
            _take(method, method.encoder.state_dict())
            if rank() == 0:
                say(told)
        if (lora := settings.train.lora) is not None:
            _adapt(method, lora)
        own_threads = max(1, self.threads * launch().of // world_size())
        slots = None
        if (companions := todo.companions(as_slots=True)) is not None:
            vectors = _projections(method, data, device, own_threads)
            slots = MinedSlots(vectors, settings.method.bank_momentum, torch.from_numpy(companions))
        rows = train(
            method,
            self._loader(device, own_threads),
            settings.train,
            todo=todo,
            labels=labels,
            device=device,
            state=self.state,
            slots=slots,
            teacher=teacher,
            texts=_texts(settings, data, todo.seed),
            validate=validation_knn(data, self.threads, settings.model.whitening),
        )
        if lora is not None:
            for encoder in _encoders(method):
                merge_adapters(encoder)
        if rank() == 0:
            card = data.card
            if share := settings.model.whitening:
                items = found_on(self._indices)
                images = item_loader(data, "train", batch_size=PROJECTED, threads=self.threads, indices=items)
                called = f"the encoder of seed {todo.seed}"
                method.whitening = find_whitening(method.encoder, share, images, device, called)
            taken = {"channels": card.channels, "image_size": card.image_size, "mean": card.mean, "std": card.std}
            taken |= {"vocabulary": card.vocabulary, "text": _text_architecture(method)}
            save_model(self.encoder, method, Checkpoint(**vars(self.provenance), **taken, data=card.name))
            save_history(self.history, rows, todo.seed, todo.number)

    def _loader(self, device: torch.device, threads: int) -> ViewLoader | TextViews | CompanionLoader:
        settings, data, todo = self.settings, self.data, self.todo
        augment, batch_size = settings.augment.chosen(), settings.train.batch_size
        load = partial(
            item_views,
            data,
            "train",
            device=device,
            half=settings.train.precision != "float32",
            tokens=settings.model.text.context,
            seed=todo.seed,
            threads=threads,
            indices=self._indices,
            part=rank(),
            parts=world_size(),
        )
        recipes, small = augment.whole(), augment.local_pixels(data.card.image_size)
        kin = _kin(settings, data, settings.positives.source)
        loader = load(recipes, batch_size=batch_size, local=augment.local(), local_size=small, kin=kin)
        if (companions := todo.companions(as_slots=False)) is not None:
            others = load(recipes[:1], batch_size=batch_size * companions.shape[1])
            return CompanionLoader(loader, others, companions)
        return loader


def _encoders(method: Method) -> list[nn.Module]:
    """A method's encoder, and the momentum copy of it, where it has one."""
    return [part.encoder for part in method.modules() if part is method or isinstance(part, MomentumCopy)]


def _text_architecture(method: Method) -> Architecture | None:
    """What its encoder of texts is, where a folder says so."""
    return next((part.architecture for part in method.modules() if isinstance(part, FolderEncoder)), None)


def _take(method: Method, weights: dict[str, Tensor]) -> None:
    """Give a method's encoders these weights."""
    for encoder in _encoders(method):
        encoder.load_state_dict(weights)


def _adapt(method: Method, lora: int) -> None:
    """Give a method's encoders adapters, of which those of momentum copies begin as its own and do not learn."""
    drawn = torch.get_rng_state()
    for encoder in _encoders(method):
        torch.set_rng_state(drawn)
        add_adapters(encoder, lora)
        if encoder is not method.encoder:
            encoder.requires_grad_(False)


def build_method(settings: Training, data: EncodedData, indices: np.ndarray, taught: int = 0) -> Method:
    """The method that `method.name` names, to be trained on some images, its weights drawn from torch's generator.

    Args:
        taught: Length of the vectors that a teacher makes of an image; 0 where there is none.
    """
    card, positions, training = data.card, torch.from_numpy(data.positions), torch.from_numpy(indices)
    method = METHODS[settings.method.name]
    kin = method_kin(settings, data)
    kin = [*([] if kin is None else [kin]), *copies_of(data)]
    images, classes = card.train.images, len(card.classes)
    shape = DataShape(
        card.channels, card.image_size, images, classes, positions, training, kin, taught, card.vocabulary
    )
    return method(settings, shape)


def method_kin(settings: Training, data: EncodedData) -> Kin | None:
    """Which images a method knows to show the same thing; None where each is alone."""
    return _kin(settings, data, source_of(settings.method.name, settings.positives))


def _kin(settings: Training, data: EncodedData, source: str) -> Kin | None:
    """Which images of the data show the same thing, by what `source` names: see `kin_of`."""
    fraction, seed = settings.labelled_fraction, settings.split_seed
    return kin_of(data, source, window=settings.positives.window, labelled_fraction=fraction, split_seed=seed)


def _projections(method: Method, data: EncodedData, device: torch.device, threads: int) -> Tensor:
    """Of all training images as they are, by sample index, (images, D); zeros for the others."""
    images = item_loader(data, "train", batch_size=PROJECTED, threads=threads, indices=data.training)
    found, _ = embed(nn.Sequential(method.encoder, method.projection), images, device)
    vectors = torch.zeros(data.card.train.images, found.shape[1])
    vectors[data.training] = torch.from_numpy(found)
    return vectors


def _texts(settings: Training, data: EncodedData, seed: int) -> Callable[[int], Tensor] | None:
    """The tokens of a text of each image, by epoch, as `train` takes them."""
    name = settings.method.name
    if not METHODS[name].needs_texts:
        return None
    texts, context = data.texts["train"], settings.model.text.context
    return lambda epoch: torch.from_numpy(texts.tokens.padded(texts.drawn(seed=seed, epoch=epoch), context))


def _labels(settings: Training, data: EncodedData) -> Tensor:
    """What the method may see, by sample index: (images,), -1 for none."""
    labels, name, weight = data.labels("train"), settings.method.name, settings.loss.cross_entropy
    if not METHODS[name].needs_labels and not weight:
        return torch.full((len(labels),), -1)
    if not data.card.labelled:
        asking = f"loss.cross_entropy {weight:g}" if weight else f"method.name {name}"
        raise UserError(f"{asking} needs labels, and {data.card.name} has none")
    return torch.from_numpy(
        draw_labelled(labels, data.training, fraction=settings.labelled_fraction, seed=settings.split_seed)
    )
