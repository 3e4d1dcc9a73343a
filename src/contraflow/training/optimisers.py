"""Optimisers by the names that `train.optimiser` takes, and the learning-rate schedule."""

import math

import torch
from torch import nn
from torch.optim import Optimizer

from contraflow.config import Train
from contraflow.training.lars import LARS


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
    if train.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=train.lr, momentum=train.momentum)
    if train.optimiser == "lars":
        return LARS(groups, lr=train.lr, momentum=train.momentum)
    return torch.optim.AdamW(groups, lr=train.lr)


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
