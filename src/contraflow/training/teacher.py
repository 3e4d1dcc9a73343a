"""A frozen encoder whose features another learns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import torch
from torch import nn

from contraflow.foundations.errors import UserError
from contraflow.methods.parts.settings import MethodSection
from contraflow.models.encoders import build_encoder
from contraflow.models.foreign import features_of
from contraflow.models.normalisation import Normalisation
from contraflow.models.settings import Model
from contraflow.models.start import started_from
from contraflow.models.weights import load_weights, read_weights
from contraflow.training.settings import Training

OWN = {"model.weights": "method.teacher", "model.encoder": "method.teacher_encoder"}  # parameters that do the same


@dataclass(frozen=True)
class Teacher:
    """What a teacher is made of.

    Attributes:
        file: Weights, as `model.weights` names them.
        encoder: What it is, as `model.encoder`; None where the file says so.
        code: As `model.code`.
    """

    file: Path
    encoder: str | None
    code: str

    @classmethod
    def of(cls, method: MethodSection, model: Model) -> Self | None:
        """That of a training with these sections; None where there is none."""
        return cls(method.teaching, method.teacher_encoder, model.code) if method.teaching else None

    @cached_property
    def model(self) -> Model:
        """The section `model` of which the teacher is the encoder.

        Raises:
            UserError: as `read_weights`, or nothing says what it is.
        """
        with _called():
            told = {"encoder": self.encoder} if self.encoder else read_weights(self.file).model
        if told is None:
            raise UserError(
                f"method.teacher_encoder must say of which encoder {self.file} is, which does not say so itself, as "
                "what contraflow writes would; got null"
            )
        return Model(**told | {"weights": str(self.file), "code": self.code})

    def build(self, channels: int, image_size: int, given: Normalisation) -> tuple[nn.Module, str]:
        """The teacher, which does not learn, for images that are normalised as `given`; and what was loaded, in words.

        Raises:
            UserError: as `build_encoder`, `load_weights` or `features_of`.
        """
        model = self.model
        with _called(), torch.random.fork_rng([]):  # which weights the encoder in training gets does not depend on it
            network = build_encoder(model, channels, image_size)
            told = load_weights(network, self.file, given)
            features_of(network, model.encoder, channels, image_size)
        return network.requires_grad_(False).eval(), _renamed(told)


def taught_from(settings: Training) -> dict[str, str]:
    """SHA-256 of what the teacher of a training is made of, by name, for a provenance; none where it has none.

    Raises:
        UserError: as `Teacher.model` or `started_from`.
    """
    teacher, names = Teacher.of(settings.method, settings.model), {"weights": "teacher", "model_code": "teacher_code"}
    if teacher is None:
        return {}
    model = teacher.model
    with _called():
        return {names[name]: digest for name, digest in started_from(model).items()}


@contextmanager
def _called() -> Iterator[None]:
    """Let sentences about an encoder and its weights name the parameters of the teacher."""
    try:
        yield
    except UserError as error:
        raise UserError(_renamed(str(error))) from None


def _renamed(sentence: str) -> str:
    for name, own in OWN.items():
        sentence = sentence.replace(name, own)
    return sentence
