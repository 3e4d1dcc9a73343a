"""What normalises a network's feature maps: the names that `model.norm` takes."""

import math
from collections.abc import Callable
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contraflow.collectives import average, world_size
from contraflow.foundations.errors import UserError
from contraflow.models.settings import groups

GROUPS = 32  # of GroupNorm, or the most that divide the channels evenly (Wu & He 2018)


def set_norm(network: nn.Module, norm: str) -> nn.Module:
    """Give `network` another normalisation than BatchNorm over the images of one GPU.

    `sync` shares the statistics of every BatchNorm over all GPUs. `instance` and `group` replace those of feature maps;
    those of vectors, which have no pixels to take statistics of, are shared. `batch` changes nothing.
    """
    if norm == "batch":
        return network
    if norm == "instance":
        _replace(network, nn.BatchNorm2d, lambda of: nn.InstanceNorm2d(of.num_features, affine=True))
    elif norm == "group":
        _replace(network, nn.BatchNorm2d, lambda of: nn.GroupNorm(math.gcd(GROUPS, of.num_features), of.num_features))
    return _replace(network, nn.BatchNorm1d | nn.BatchNorm2d, SyncBatchNorm.of)


def split_norm(network: nn.Module) -> nn.Module:
    """Let every BatchNorm of feature maps in `network` take its statistics of each of the `groups` of a batch apart."""
    return _replace(network, nn.BatchNorm2d, SplitBatchNorm.of)


def shared_groups(images: int) -> int:
    """The `groups` of a batch of all processes.

    Raises:
        UserError: a process would not have whole groups.
    """
    found = groups(images)
    if found % world_size():
        raise UserError(
            f"train.batch_size {images} makes {found} groups that are normalised apart, which must be a multiple of "
            f"the GPUs at work, {world_size()}"
        )
    return found


def dealt(images: int) -> Tensor:
    """Places of images in an order that deals each of the `groups` out: no two are in one group again, (images,)."""
    return torch.arange(images).view(shared_groups(images), -1).T.flatten()


def _replace(network: nn.Module, kind: type, make: Callable[[nn.Module], nn.Module]) -> nn.Module:
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, kind):
                setattr(parent, name, make(child))
    return network


class _Replacement:
    """A BatchNorm that takes the place of another, and of what follows in it: timm's have `drop` and `act` inside."""

    @classmethod
    def of(cls, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Self:
        """The same with the settings, weights and statistics of `norm`.

        Raises:
            UserError: it is of a kind that may do anything else beside.
        """
        inside = {name: getattr(norm, name) for name in ("drop", "act") if hasattr(norm, name)}
        if not inside and type(norm) not in (nn.BatchNorm1d, nn.BatchNorm2d):
            raise UserError(
                f"model.encoder must have torch's own BatchNorm where statistics are shared (model.norm sync) or those "
                f"of groups of a batch (method.name moco), got {type(norm).__name__}"
            )
        same = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        for name, layer in inside.items():
            setattr(same, name, layer)
        same.load_state_dict(norm.state_dict())
        return same

    def then(self, y: Tensor) -> Tensor:
        """What follows in it."""
        for name in ("drop", "act"):
            y = self._modules[name](y) if name in self._modules else y
        return y


class SplitBatchNorm(_Replacement, nn.BatchNorm2d):
    """BatchNorm over each of the `groups` of a batch apart: (N, C, H, W) to the same shape.

    Each process has whole groups, so their number changes nothing. Running statistics are means over groups. In
    evaluation mode it is `nn.BatchNorm2d`, with the same entries in `state_dict`.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.then(super().forward(x))
        own = x.unflatten(0, (shared_groups(world_size() * len(x)) // world_size(), -1))
        means, variances = (running.repeat(len(own), 1) for running in (self.running_mean, self.running_var))
        y = [
            F.batch_norm(group, mean, variance, self.weight, self.bias, True, self.momentum, self.eps)
            for group, mean, variance in zip(own, means, variances, strict=True)
        ]
        self.num_batches_tracked.add_(1)
        self.running_mean.copy_(average(means.mean(0)))
        self.running_var.copy_(average(variances.mean(0)))
        return self.then(torch.cat(y))


class SyncBatchNorm(_Replacement, nn.SyncBatchNorm):
    """BatchNorm over the equal parts of all processes, on any device: (N, C, ...) to the same shape.

    torch's own refuses CPU tensors, and what is tested on the CPU shall be what runs on GPUs. In one process, and in
    evaluation mode, it is `nn.BatchNorm1d` or `2d` bit for bit, with the same entries in `state_dict`.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or world_size() == 1:
            return self.then(super().forward(x))
        return self.then(self._shared(x))

    def _shared(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            exact = x.to(torch.promote_types(x.dtype, torch.float32))  # half precision is too coarse for sums
            dims, shape = [0, *range(2, x.ndim)], (1, -1, *(1,) * (x.ndim - 2))
            mean = average(exact.mean(dims))
            centred = exact - mean.view(shape)  # what is kept for the backward pass
            var = average(centred.square().mean(dims))
            count = world_size() * x.numel() // x.shape[1]
            with torch.no_grad():
                self.num_batches_tracked.add_(1)
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var * (count / (count - 1)), self.momentum)
            scale = (var + self.eps).rsqrt()
            if not self.affine:
                return (centred * scale.view(shape)).to(x.dtype)
            return torch.addcmul(self.bias.view(shape), centred, (scale * self.weight).view(shape)).to(x.dtype)
