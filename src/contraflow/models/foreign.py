"""Encoders of other libraries, and of the user's own: networks by their names, without a classifier."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from contraflow.foundations.errors import UserError

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}  # of the images behind most weights
CLASSIFIERS = ("fc", "classifier", "heads", "head")  # where torchvision's networks have theirs


class Foreign(nn.Module):
    """A network of another library: (N, C, H, W) to (N, `dimension`).

    Attributes:
        code: Lines of Python that make the same network without contraflow, as `encoder`, with other weights.
        normalisation: `mean` and `std` of each channel of the images that its pretrained weights are made for.
        trained_size: Pixels a side of these images; None where it does not say.
    """

    def __init__(self, network: nn.Module, dimension: int, code: list[str]):
        super().__init__()
        self.network, self.dimension, self.code = network, dimension, code
        told = getattr(network, "pretrained_cfg", None) or {}  # of timm's, and of whoever follows them
        self.normalisation = {name: tuple(told.get(name, usual)) for name, usual in IMAGENET.items()}
        self.trained_size = told["input_size"][-1] if "input_size" in told else None

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)


def build_foreign(name: str, channels: int, image_size: int) -> Foreign:
    """Make the network that is called `timm/NAME`, `torchvision/NAME` or `package.module:function`, with random weights
    drawn from torch's generator.

    It draws no numbers in training: a killed one goes on to the same bytes, and `train.micro_batch` sees each image
    twice. So dropout and stochastic depth are off.

    Raises:
        UserError: there is no such network, or it does not take such images or give a vector of each.
    """
    library, _, rest = name.partition("/")
    make = {"timm": _timm, "torchvision": _torchvision}.get(library)
    network, code = make(rest, channels, image_size) if make else _own(name, channels, image_size)
    _quieten(network)
    return Foreign(network, features_of(network, name, channels, image_size), code)


def features_of(network: nn.Module, name: str, channels: int, image_size: int) -> int:
    """The length of the vectors that a network makes of images of this size, in evaluation mode.

    Raises:
        UserError: it makes none, or its strides leave less than one pixel of them.
    """
    training, images = network.training, f"images of {image_size} pixels a side and {channels} channels"
    try:
        with torch.no_grad(), _strides_watched(network, name):
            features = network.eval()(torch.zeros(2, channels, image_size, image_size))
    except UserError:
        raise
    except Exception as error:  # each network has its own way to refuse
        raise UserError(
            f"model.encoder {name} does not take {images} ({in_a_line(error)}): set data.image_size to what it takes, "
            "or name another"
        ) from None
    finally:
        network.train(training)
    if not isinstance(features, Tensor) or features.ndim != 2:
        found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise UserError(f"model.encoder {name} must make features (N, D) of {images}, got {found} of N = 2")
    return features.shape[1]


@contextmanager
def _strides_watched(network: nn.Module, name: str) -> Iterator[None]:
    """Refuse a convolution whose stride is larger than the map that it sees.

    Nothing is learned where so little is left, and in bfloat16 on a CPU torch 2.14 takes the gradients of such weights
    from memory that nobody wrote.
    """

    def watch(layer: nn.Conv2d, maps: tuple[Tensor, ...]) -> None:
        side = min(maps[0].shape[-2:])
        if side < max(layer.stride):
            raise UserError(
                f"model.encoder {name} has too many strides for images so small: one of {max(layer.stride)} sees a map "
                f"of {side} x {side} pixels; set data.image_size to more, or name another"
            )

    hooks = [layer.register_forward_pre_hook(watch) for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _timm(name: str, channels: int, image_size: int) -> tuple[nn.Module, list[str]]:
    import timm  # takes seconds, which a run with another encoder need not wait for

    require_known("timm", name, timm.is_model(name), timm.list_models)
    settings = {"num_classes": 0, "in_chans": channels}
    return _made("timm.create_model", timm.create_model, name, settings, {"img_size": image_size})


def _torchvision(name: str, channels: int, image_size: int) -> tuple[nn.Module, list[str]]:
    from torchvision import models

    known = models.list_models(module=models)
    require_known("torchvision", name, name in known, lambda: known)
    network, code = _made("torchvision.models.get_model", models.get_model, name, {}, {"image_size": image_size})
    linear = [at for at, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    if not (classifier := [at for at in linear if at.split(".")[0] in CLASSIFIERS]):
        raise UserError(
            f"model.encoder torchvision/{name} has no linear classifier to take off ({', '.join(CLASSIFIERS)}): name "
            "another"
        )
    changed = {classifier[-1]: (nn.Identity(), "torch.nn.Identity()")}
    first = next(at for at, layer in network.named_modules() if isinstance(layer, nn.Conv2d))
    if (stem := network.get_submodule(first)).in_channels != channels:
        settings = {name: getattr(stem, name) for name in ("out_channels", "kernel_size", "stride", "padding")}
        settings = {"in_channels": channels, **settings, "bias": stem.bias is not None}
        changed[first] = nn.Conv2d(**settings), f"torch.nn.Conv2d({_arguments(settings)})"
    for at, (layer, words) in changed.items():
        network.set_submodule(at, layer)
        code.append(f'encoder.set_submodule("{at}", {words})')
    return network, code


def _own(name: str, channels: int, image_size: int) -> tuple[nn.Module, list[str]]:
    module, _, function = name.partition(":")
    with _here():
        found = _imported(name)
        if not callable(make := getattr(found, function, None)):
            raise UserError(f"model.encoder {name}: {module} has no function {function}{_close(function, dir(found))}")
        sizes = {"channels": channels, "image_size": image_size}
        try:
            network = make(**sizes)
        except Exception as error:
            raise UserError(
                f"model.encoder {name} must be a function of channels and image_size; {function}({_arguments(sizes)}) "
                f"failed ({in_a_line(error)})"
            ) from None
    if not isinstance(network, nn.Module):
        raise UserError(f"model.encoder {name} must return a torch.nn.Module, got {type(network).__name__}")
    return network, [f"from {module} import {function}", f"encoder = {function}({_arguments(sizes)})"]


def require_known(library: str, name: str, known: bool, names: Callable[[], list[str]]) -> None:
    """Refuse a name that a library does not know.

    Raises:
        UserError: it is not `known`; those of its `names` that are close to it are named.
    """
    if not known:
        raise UserError(f"model.encoder {library}/{name} is no network of {library}{_close(name, names())}")


def in_a_line(error: Exception) -> str:
    """What an error says, cut to a part of a sentence."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def module_file(name: str) -> Path | None:
    """The file of the user's module in `package.module:function`; None where it has none.

    Raises:
        UserError: it cannot be imported.
    """
    with _here():
        file = _imported(name).__file__
    return file and Path(file)


def _imported(name: str) -> ModuleType:
    module = name.partition(":")[0]
    try:
        return import_module(module)
    except Exception as error:  # whatever a module may do
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise UserError(f"model.encoder {name}: {module} is neither in this directory nor installed") from None
        raise UserError(f"model.encoder {name}: {module} cannot be imported ({in_a_line(error)})") from None


@contextmanager
def _here() -> Iterator[None]:
    """Let modules be found in the current directory, before those that are installed."""
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path.remove(os.getcwd())


def _made(
    words: str, make: Callable[..., nn.Module], name: str, settings: dict[str, Any], sized: dict[str, int]
) -> tuple[nn.Module, list[str]]:
    """What a library makes with these settings, and with the size of images where it takes one; and the code."""
    state, told = torch.get_rng_state(), settings | sized
    try:
        try:
            network = make(name, **told)
        except TypeError as error:
            if not any(key in str(error) for key in sized):
                raise
            torch.set_rng_state(state)
            told = settings
            network = make(name, **told)
    except Exception as error:  # as ever the network refuses a size
        raise UserError(
            f"model.encoder {words.partition('.')[0]}/{name} cannot be made with {_arguments(told)} "
            f"({in_a_line(error)}): set data.image_size to what it takes, or name another"
        ) from None
    return network, [f"encoder = {words}({', '.join(filter(None, [repr(name), _arguments(told)]))})"]


def _quieten(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd) or type(layer).__name__ == "StochasticDepth":
            layer.p = 0.0


def _arguments(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def _close(name: str, known: list[str]) -> str:
    found = get_close_matches(name, known, n=3)
    return f"; close to it: {', '.join(found)}" if found else ""
