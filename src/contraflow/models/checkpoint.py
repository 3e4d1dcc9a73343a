"""Checkpoint networks as files: safetensors, whose bytes depend on the content alone."""

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from contraflow.foundations.artefacts import atomic, reading
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance
from contraflow.models.huggingface import Architecture
from contraflow.models.items import build_for
from contraflow.models.settings import Model
from contraflow.models.whitening import Whitened

WHITENING = "whitening."  # what the names of its tensors begin with


class Checkpoint(Provenance):
    """What a checkpoint says of itself: what it was made from, and which images it takes.

    Attributes:
        data: Name of the data set.
        channels: Of an image, 1 or 3; 0 where it takes texts alone.
        image_size: Pixels a side.
        mean, std: By which images were normalised, one number a channel, on the scale 0 to 1.
        vocabulary: Tokens of the texts that it was trained beside or of; 0 without.
        text: What its encoder of texts is, where `model.text.weights` named one: that folder is not needed again.
    """

    data: str
    channels: int
    image_size: int
    mean: list[float]
    std: list[float]
    vocabulary: int = 0
    text: Architecture | None = None

    def require_no_texts(self, called: str) -> None:
        """Refuse the encoder, which is `called` so, where it takes texts.

        Raises:
            UserError: it does.
        """
        if not self.channels:
            raise UserError(f"{called} takes texts: name an encoder of images")

    def require_images(self, called: str, *, size: int, channels: int) -> None:
        """Refuse the encoder, which is `called` so, where it takes other images.

        Raises:
            UserError: they have another size or number of channels, or it takes texts.
        """
        self.require_no_texts(called)
        if (self.image_size, self.channels) != (size, channels):
            kinds = {1: "grey", 3: "colour"}
            raise UserError(
                f"{called} takes {kinds[self.channels]} images of {self.image_size} pixels a side, but those here are "
                f"{kinds[channels]} ones of {size}: name an encoder that was trained on such images"
            )


def save_model(path: Path, model: nn.Module, provenance: Checkpoint) -> None:
    """Write every parameter and buffer of `model`, with its provenance and a digest of both, to a safetensors file."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    # one key alone: safetensors writes several in an order that changes from run to run
    content = save(tensors, metadata={"provenance": provenance.sealed(_parts(tensors))})
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def load_model(path: Path, model: nn.Module) -> Checkpoint:
    """Fill `model`, which has no whitening, with the tensors of a checkpoint, and return the checkpoint's provenance.

    Raises:
        UserError: the file is missing, damaged, or of another architecture.
    """
    tensors, provenance = read_checkpoint(path)
    try:
        model.load_state_dict({name: tensor for name, tensor in tensors.items() if not name.startswith(WHITENING)})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{path} holds another architecture than params.yaml asks for: {reason}") from None
    return provenance


def load_encoder(path: Path) -> tuple[nn.Module, Checkpoint]:
    """Rebuild the encoder of a checkpoint with its whitening, in evaluation mode and without its projection head.

    Raises:
        UserError: the file is missing or damaged.
    """
    tensors, made_from = read_checkpoint(path)
    taken = made_from.channels, made_from.image_size, made_from.vocabulary, made_from.text
    encoder = build_for(Model(**made_from.params["model"]), *taken)
    encoder.load_state_dict(of_encoder(tensors))
    if whitening := _of(WHITENING, tensors):
        encoder = Whitened(encoder)
        encoder.whitening.load_state_dict(whitening)
    return encoder.eval(), made_from


def of_encoder(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of a checkpoint that are of its encoder without its whitening, by their names in it."""
    return _of("encoder.", tensors)


def _of(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], Checkpoint]:
    """The tensors of a checkpoint, by name, and what it says of itself.

    Raises:
        UserError: the file is missing or damaged, or is no checkpoint.
    """
    with reading(path):
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no dict)
            if not (sealed := (file.metadata() or {}).get("provenance")):
                raise UserError(f"{path} is no checkpoint: name an encoder.safetensors as a training leaves it")
        return tensors, Checkpoint.of_sealed(sealed, _parts(tensors), path)


def _parts(tensors: dict[str, Tensor]) -> Iterator[tuple[str, memoryview]]:
    for name, tensor in sorted(tensors.items()):
        content = tensor.reshape(-1).view(torch.uint8).numpy().data
        yield f"{name} {tensor.dtype} {tuple(tensor.shape)}", content
