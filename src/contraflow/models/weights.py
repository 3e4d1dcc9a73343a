"""Weights from elsewhere for an encoder: a file is loaded whole, or says what of it is not."""

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from contraflow.foundations.artefacts import atomic
from contraflow.foundations.errors import UserError, few
from contraflow.models.checkpoint import of_encoder, read_checkpoint
from contraflow.models.foreign import IMAGENET
from contraflow.models.normalisation import Normalisation, Renormalised, reached

NESTED = ("state_dict", "model", "model_state_dict")  # where a training's own file keeps the state dict
HEADS = ("fc", "classifier", "head", "heads", "head_dist", "projection", "projector", "predictor", "prototypes")
EXPORTED = "export"  # the key of what `contraflow export` and `contraflow weights` say of their weights


@dataclass(frozen=True)
class Weights:
    """What a file holds: tensors by their names in the network, the normalisation that goes with them, the section
    `model` of what made them and the pixels a side of the images that they saw, where it says that itself, and names of
    what is no part of an encoder.
    """

    tensors: Mapping[str, Tensor]
    normalisation: Normalisation | None = None
    left_out: tuple[str, ...] = ()
    model: Mapping[str, Any] | None = None
    image_size: int | None = None


def require_weights(path: Path) -> None:
    """Refuse `model.weights` where there is no file.

    Raises:
        UserError: there is none.
    """
    if not path.is_file():
        raise UserError(
            f"model.weights must be a file of weights, got {path}, where there is none; `contraflow weights` makes one "
            "of those that timm or torchvision has"
        )


def read_weights(path: Path) -> Weights:
    """Read a file of weights: safetensors or what torch.save wrote, a checkpoint or an export of contraflow.

    Raises:
        UserError: it is missing or damaged, or holds other things than tensors.
    """
    require_weights(path)
    if path.suffix != ".safetensors":
        return Weights(_torch_file(path))
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no dict)
    except SafetensorError as error:
        raise UserError(f"model.weights {path} is damaged, or no safetensors file ({error})") from None
    if EXPORTED in told:
        said = json.loads(told[EXPORTED])
        normalisation = Normalisation(said["mean"], said["std"])
        return Weights(tensors, normalisation, model=said.get("model"), image_size=said.get("image_size"))
    return _checkpoint(path) if "provenance" in told else Weights(tensors)


def write_weights(path: Path, tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> None:
    """Write an export of contraflow, as `read_weights` reads it.

    Args:
        path: The file (.safetensors).
        tensors: By their names in the network, contiguous.
        told: What is kept beside them, as JSON: `mean`, `std` and `image_size` of the images that they are for,
            `model`, the section by which the network is made, and whatever else.
    """
    with atomic(path) as temporary:
        temporary.write_bytes(save(dict(tensors), metadata={EXPORTED: json.dumps(told)}))


def load_weights(encoder: Renormalised, path: Path, given: Normalisation) -> str:
    """Fill an encoder with the weights of a file, for images that are normalised as `given`; what was done, in words.

    Raises:
        UserError: as `read_weights`, or the file has not all of the encoder, or other things beside heads.
    """
    found, inner, notes = read_weights(path), encoder.encoder, []
    wanted = {name.removeprefix("network."): name for name in inner.state_dict()}
    own = {name: inner.state_dict()[full] for name, full in wanted.items()}
    tensors = dict(found.tensors)
    heads = [name for name in sorted(tensors) if name not in own and name.split(".")[0].strip("_") in HEADS]
    for name in heads:
        del tensors[name]
    if left_out := [*heads, *found.left_out]:
        notes.append(f"left out, as no part of an encoder: {few(left_out)}")
    if counts := [name for name in own if name.endswith(".num_batches_tracked") and name not in tensors]:
        tensors |= {name: own[name] for name in counts}
        notes.append(f"{len(counts)} BatchNorms have no count of batches there, which is 0 here")
    channels = encoder.scale.shape[0]
    if summed := next((name for name in own if name in tensors and _is_colour(tensors[name], own[name])), None):
        tensors[summed] = tensors[summed].sum(1, keepdim=True)
        notes.append(f"{summed} is summed over its 3 channels, since images here are grey")
    size = found.image_size or getattr(inner, "trained_size", None)
    made_for = f"made for images of {size} pixels a side" if size else ""
    _require_fit(path, tensors, own, made_for)
    inner.load_state_dict({wanted[name]: tensor for name, tensor in tensors.items()})
    usual = Normalisation(**getattr(inner, "normalisation", IMAGENET))
    normalisation = (found.normalisation or usual).over(channels)
    encoder.turn(given, normalisation)
    mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (normalisation.mean, normalisation.std))
    notes.append(f"its images are normalised by mean {mean} and deviation {std}")
    if made_for:
        notes.append(made_for)
    return f"model.weights {path}: {len(tensors)} tensors; " + "; ".join(notes)


def _torch_file(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if isinstance(error, pickle.UnpicklingError) and "global" in str(error).lower():
            raise UserError(
                f"model.weights {path} must hold tensors alone, since anything else would be run: save the network's "
                "state_dict, or safetensors"
            ) from None
        raise UserError(f"model.weights {path} is damaged, or no file of torch.save") from None
    for key in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise UserError(f"model.weights {path} must hold a state dict, itself or as {', '.join(NESTED)}")
    return dict(content)


def _checkpoint(path: Path) -> Weights:
    tensors, made_from = read_checkpoint(path)
    encoder, normalisation = of_encoder(tensors), Normalisation(made_from.mean, made_from.std)
    left_out = tuple(name for name in tensors if not name.startswith("encoder."))
    if "scale" in encoder:  # it began with other weights itself
        normalisation = reached(normalisation, encoder["scale"], encoder["shift"])
        encoder = of_encoder(encoder)
    own = {name.removeprefix("network."): tensor for name, tensor in encoder.items()}
    return Weights(own, normalisation, left_out, made_from.params["model"], made_from.image_size)


def _is_colour(tensor: Tensor, own: Tensor) -> bool:
    """Whether it is a convolution of colour images where the encoder has one of grey ones."""
    shape = tuple(own.shape)
    return own.ndim == 4 and tuple(tensor.shape) == (shape[0], 3, *shape[2:]) and shape[1] == 1


def _require_fit(path: Path, tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], made_for: str) -> None:
    shapes = [
        f"{name} {tuple(tensor.shape)} instead of {tuple(own[name].shape)}"
        for name, tensor in tensors.items()
        if name in own and tensor.shape != own[name].shape
    ]
    wrong = {
        "missing": [name for name in own if name not in tensors],
        "unexpected": [name for name in tensors if name not in own],
        "of another shape": shapes,
    }
    if says := [f"{len(names)} {how} ({few(names)})" for how, names in wrong.items() if names]:
        told = f"; they are {made_for}" if shapes and made_for else ""
        raise UserError(f"model.weights {path} does not fit model.encoder: of its tensors {', '.join(says)}{told}")
