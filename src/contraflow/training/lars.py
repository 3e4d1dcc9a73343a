"""LARS (You, Gitman, Ginsburg 2017, "Large Batch Training of Convolutional Networks")."""

import torch
from torch.optim import Optimizer


class LARS(Optimizer):
    """SGD with momentum whose step for each weight tensor is scaled to the tensor's own norm.

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
