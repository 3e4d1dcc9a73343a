"""Optimisers by the names that `train.optimiser` takes, and the learning-rate schedule."""

import inspect
import math
from types import MethodType

import torch
from torch import nn
from torch.optim import Optimizer

from contraflow.training.lars import LARS
from contraflow.training.settings import Train


def build_optimiser(train: Train, model: nn.Module) -> Optimizer:
    """The optimiser that `train` names, over the parameters of `model` that have gradients.

    The loop sets its learning rate each step. Biases and BatchNorm's scales are not decayed, whatever the optimiser.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    weights = [p for p in trained if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": train.weight_decay},
        {"params": others, "weight_decay": 0.0},
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
