"""Which regions of two images make them near: what each place of an encoder's last feature map gives to the cosine.

It is activation times the gradient of the cosine, summed over channels: Grad-CAM (Selvaraju et al. 2017) by place and
with its sign, from captum. All lengths are held: those of both feature vectors, and the deviation by which a LayerNorm
behind the map divides. Of what is divided by its own length the gradient has no part along itself: over all places it
would sum to 0, and between two equal images it would be 0 everywhere, where all is alike. Held, the places sum to the
cosine wherever features are a linear function of the map, as its mean is (Stylianou et al. 2019, "Visualizing Deep
Similarity Networks"; for LayerNorm: Ali et al. 2022, "XAI for Transformers"). What is added to features behind the map,
as by a whitening, which takes the mean of all images away, is no place's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

MOST_TOKENS = 16  # that stand before those of the places: class tokens, registers
PAIRS = 16  # at a time


@dataclass(frozen=True)
class FeatureMap:
    """The layer whose output is the last map that reaches the features from more than one place.

    Attributes:
        layer: Its output is (N, C, side, side), (N, side, side, C), or tokens (N, tokens + side * side, C).
        side: Places a side.
        channels: The axis of its channels.
        tokens: How many stand before those of the places.
    """

    layer: nn.Module
    side: int
    channels: int
    tokens: int = 0

    def places(self, values: Tensor) -> Tensor:
        """Such an output summed over channels, (N, side, side)."""
        return values.sum(self.channels)[:, self.tokens :].reshape(len(values), self.side, self.side)


def regions_alike(encoder: nn.Module, pairs: Tensor, device: torch.device) -> np.ndarray:
    """Of pairs of images (P, 2, C, H, H) what each place of either gives to the cosine of their features.

    Returns:
        (P, 2, side, side) float32; side is 0 where the encoder has no feature map, as of texts (P, 2, 1 + T).
    """
    encoder = encoder.to(device).eval()
    found = feature_map(encoder, pairs[0].to(device)) if len(pairs) and pairs.ndim == 5 else None
    if found is None:
        return np.zeros((len(pairs), 2, 0, 0), np.float32)
    maps = np.empty((len(pairs), 2, found.side, found.side), np.float32)
    for start in range(0, len(pairs), PAIRS):
        part = pairs[start : start + PAIRS].to(device)
        images = part.flatten(0, 1)
        with _one_thread(), torch.no_grad():
            features = encoder(images)
        others = features.unflatten(0, part.shape[:2]).flip(1).flatten(0, 1)
        given = contributions(encoder, found, images, others)
        maps[start : start + PAIRS] = given.unflatten(0, part.shape[:2]).cpu().numpy()
    return maps


def feature_map(encoder: nn.Module, images: Tensor) -> FeatureMap | None:
    """Of an encoder in evaluation mode; None where no layer gives one, as where a function makes all of it.

    Args:
        images: Some that it takes, (N, C, H, H), two or more: what has another number of rows is no map of them.
    """
    outputs: dict[nn.Module, Tensor] = {}

    def note(layer: nn.Module, _: tuple, output: object) -> None:
        outputs.pop(layer, None)  # of a layer that is used again the last time counts, as for captum
        if isinstance(output, Tensor) and output.requires_grad:
            outputs[layer] = output

    hooks = [layer.register_forward_hook(note) for layer in encoder.modules()]
    try:
        with torch.enable_grad():
            features = encoder(images.detach().clone().requires_grad_())
            random = torch.Generator().manual_seed(0)
            direction = torch.randn(features.shape, generator=random).to(features)
            gradients = torch.autograd.grad((features * direction).sum(), [*outputs.values()], allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
    maps = {found.layer: found for found in _maps(encoder, outputs, images)}
    for layer, gradient in reversed([*zip(outputs, gradients, strict=True)]):
        if gradient is not None and (found := maps.get(layer)):
            reaching = (found.places(gradient.abs()) > 0).flatten(1).sum(1)
            if (reaching > 1).any():  # where a network ends in its class token, the last tokens of places do not
                return found
    return None


def contributions(encoder: nn.Module, found: FeatureMap, images: Tensor, others: Tensor) -> Tensor:
    """What each place gives to the cosine of an image's features with others, which are held: (N, side, side) float32.

    Torch computes it with one thread, so that its bits do not depend on how many there are.

    Args:
        encoder: In evaluation mode.
        images: (N, C, H, H).
        others: The features (N, D) that they are compared with.
    """
    from captum.attr import LayerGradientXActivation  # takes half a second, which others save

    def cosine(images: Tensor, others: Tensor) -> Tensor:
        features = encoder(images)
        return (features * others).sum(1) / (features.detach().norm(dim=1) * others.norm(dim=1)).clamp_min(1e-12)

    with _one_thread(), torch.enable_grad(), _deviations_held(encoder):
        given = LayerGradientXActivation(cosine, found.layer).attribute(images, additional_forward_args=(others,))
    return found.places(given.detach()).float()


def _maps(encoder: nn.Module, outputs: dict[nn.Module, Tensor], images: Tensor) -> Iterator[FeatureMap]:
    """Which of the outputs, in the order in which they were made, are maps of the images by their shape."""
    names = {layer: name for name, layer in encoder.named_modules()}
    in_tokens = tuple(f"{names[layer]}." for layer, output in outputs.items() if output.ndim == 3 and names[layer])
    rows, grid = len(images), 0
    for layer, output in outputs.items():
        if len(output) != rows or isinstance(layer, nn.AdaptiveAvgPool2d):  # which may repeat places, or average all
            continue
        if output.ndim == 3 and 0 <= (tokens := output.shape[1] - grid**2) <= MOST_TOKENS and grid > 1:
            yield FeatureMap(layer, grid, 2, tokens)
        if output.ndim != 4:
            continue
        first, side, last = output.shape[1:]
        if isinstance(layer, nn.Conv2d):
            grid = side
        # what attention makes inside, by head and by pair of places, may be square, too
        square = side in (first, last) and not names[layer].startswith(in_tokens)
        if square and 1 < side <= images.shape[-1]:
            yield FeatureMap(layer, side, 1 if side == last else 3)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _deviations_held(encoder: nn.Module) -> Iterator[None]:
    """Let gradients go through LayerNorms as if what these divide by were constant; what they make stays as it is."""

    def hold(layer: nn.LayerNorm, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        x, first = inputs[0], type(layer).__name__.endswith("2d")  # those of maps with their channels first
        axes = (1,) if first else tuple(range(-len(layer.normalized_shape), 0))
        scale = (x.detach().var(axes, correction=0, keepdim=True) + layer.eps).rsqrt()
        if layer.weight is not None:
            scale = scale * (layer.weight[:, None, None] if first else layer.weight)
        gradient_alone = x - x.detach()
        return output.detach() + (gradient_alone - gradient_alone.mean(axes, keepdim=True)) * scale

    hooks = [layer.register_forward_hook(hold) for layer in encoder.modules() if isinstance(layer, nn.LayerNorm)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
