"""Optimisers by the names that `train.optimiser` takes, and the learning-rate schedule."""

import inspect
import math
from types import MethodType

import torch
from torch import nn
from torch.optim import Optimizer

from contraflow.training.settings import Train


class LARS(Optimizer):
    """SGD with momentum whose step for each weight tensor is scaled to the tensor's own norm.

    LARS (You, Gitman, Ginsburg 2017, "Large Batch Training of Convolutional Networks").

    For a tensor w with gradient g: g' = g + weight_decay * w, scaled by trust * |w| / |g'|; then v = momentum * v + g'
    and w = w - lr * v. Tensors of one dimension (biases, BatchNorm) take a plain step without decay, as in SimCLR
    (Chen et al. 2020, section 2.2).

    Args:
        params: Parameters or parameter groups.
        lr: Learning rate, greater than 0.
        momentum: From 0 to below 1.
        weight_decay: At least 0.
        trust: LARS' coefficient eta.
    """

    def __init__(self, params, lr: float, momentum: float = 0.9, weight_decay: float = 0.0, trust: float = 0.001):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is None:
                    continue
                step = w.grad
                if w.ndim > 1:
                    step = step.add(w, alpha=group["weight_decay"])
                    norm_w, norm_step = torch.linalg.vector_norm(w), torch.linalg.vector_norm(step)
                    both = (norm_w > 0) & (norm_step > 0)
                    step = step * torch.where(both, group["trust"] * norm_w / norm_step, 1.0)
                velocity = self.state[w].setdefault("velocity", torch.zeros_like(w))
                velocity.mul_(group["momentum"]).add_(step)
                w.add_(velocity, alpha=-group["lr"])


def build_optimiser(train: Train, model: nn.Module) -> Optimizer:
    """The optimiser that `train` names, over the parameters of `model` that have gradients.

    The loop sets its learning rate each step, for each group times its `share`. Biases and BatchNorm's
    scales are not decayed, whatever the optimiser.
    """
    groups = []
    for share, weights in _by_share(train, model).items():
        groups += [
            {"params": [p for p in weights if p.ndim > 1], "weight_decay": train.weight_decay, "share": share},
            {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0, "share": share},
        ]
    _leave_compiler_out()
    if train.optimiser == "sgd":
        optimiser = torch.optim.SGD(groups, lr=train.lr, momentum=train.momentum)
    elif train.optimiser == "lars":
        optimiser = LARS(groups, lr=train.lr, momentum=train.momentum)
    else:
        optimiser = torch.optim.AdamW(groups, lr=train.lr)
    optimiser.step = MethodType(torch.no_grad()(inspect.unwrap(type(optimiser).step)), optimiser)
    return optimiser


def _by_share(train: Train, model: nn.Module) -> dict[float, list[nn.Parameter]]:
    """The parameters of a model that have gradients, by what their learning rate is times the schedule's.

    Those beside `model.encoder` have `train.head_rate`. Of L layers with such parameters of their own in the order in
    which it holds them, layer i has first^((L - 1 - i) / (L - 1)), with first = `train.first_layer_rate`: as where a
    rate falls by the same factor from block to block (Clark et al. 2020, "ELECTRA"; Bao et al. 2022, "BEiT"), but that
    `first` is of all layers together.
    """
    first, shares = train.first_layer_rate, dict.fromkeys(model.encoder.parameters(), 1.0)
    if first < 1:
        layers: dict[str, list[nn.Parameter]] = {}
        for name, weight in model.encoder.named_parameters():
            if weight.requires_grad:
                layer, _, _ = name.rpartition(".")[0].partition(".lora_")  # both of an adapter are of one layer
                layers.setdefault(layer, []).append(weight)
        for i, weights in enumerate(reversed(layers.values())):
            shares |= dict.fromkeys(weights, first ** (i / max(1, len(layers) - 1)))
    found: dict[float, list[nn.Parameter]] = {}
    for weight in model.parameters():
        if weight.requires_grad:
            found.setdefault(shares.get(weight, train.head_rate), []).append(weight)
    return found


def learning_rate(step: int, *, steps: int, warmup: int, peak: float) -> float:
    """Linear warm-up to `peak` over `warmup` steps, then half a cosine down to 0 (Loshchilov & Hutter 2017).

    Args:
        step: From 0 to `steps` - 1.
        steps: Steps of the whole training.
        warmup: Steps of the warm-up, below `steps`.
        peak: The highest rate.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def _leave_compiler_out() -> None:
    """Tell optimisers beforehand that they are not compiled: else they import torch's compiler, seconds of work, to say
    so to it. Were torch to change how it keeps this, they would import it again, and do the same.
    """
    for name in ("add_param_group", "load_state_dict", "state_dict", "zero_grad"):
        plain = inspect.unwrap(getattr(Optimizer, name))
        setattr(plain, "__dynamo_disable", plain)
