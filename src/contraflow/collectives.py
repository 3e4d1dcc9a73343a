"""What the processes of one training tell each other; a training in one process has nothing to tell.

Each process (rank) embeds its part of a batch, and computes the loss of the whole batch from the embeddings of all. A
gradient that leaves this module towards a rank's own part is that of the sum of all ranks' losses, which are equal: so
`average_gradients` gives what one process with the whole batch would have, for parameters before and after `gather`.
"""

from collections.abc import Iterable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")


def world_size() -> int:
    """Processes of this training, at least 1."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0; the first alone writes files."""
    return dist.get_rank() if dist.is_initialized() else 0


def gather(x: Tensor, dim: int) -> Tensor:
    """The parts of all ranks, of equal shapes, one after the other along `dim`; gradients enter a rank's own."""
    if world_size() == 1:
        return x
    x = x.contiguous()
    parts = [torch.empty_like(x) for _ in range(world_size())]
    dist.all_gather(parts, x.detach())
    parts[rank()] = x
    whole = torch.cat(parts, dim)
    if whole.requires_grad:
        # every rank computes the same loss from the same tensor: the sum of their gradients needs no message
        whole.register_hook(lambda gradient: gradient * world_size())
    return whole


def own_part(x: Tensor) -> Tensor:
    """This rank's rows of what all ranks have whole; `gather` puts them together again."""
    return x.chunk(world_size())[rank()]


def average(x: Tensor) -> Tensor:
    """Mean over ranks of a tensor of the same shape; gradients enter what each rank gave."""
    return x if world_size() == 1 else _Sum.apply(x) / world_size()


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Put in the place of each gradient its mean over ranks."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])  # one message instead of hundreds
    dist.all_reduce(flat)
    flat /= world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view(gradient.shape))


def from_first(value: T) -> T:
    """What the first rank gave: for decisions that all must take alike."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        total = x.contiguous().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient):
        return _Sum.apply(gradient)
