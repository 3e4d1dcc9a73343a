"""What normalises a network's feature maps: the names that `model.norm` takes."""

import math

import torch
from torch import Tensor, nn

from contraflow.collectives import average, world_size

GROUPS = 32  # of GroupNorm, or the most that divide the channels evenly (Wu & He 2018)


def set_norm(network: nn.Module, norm: str) -> nn.Module:
    """Give `network` another normalisation than BatchNorm over the images of one GPU.

    `sync` shares the statistics of every BatchNorm over all GPUs. `instance` and `group` replace those of feature maps;
    those of vectors, which have no pixels to take statistics of, are shared. `batch` changes nothing.
    """
    if norm == "batch":
        return network
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d) and norm == "instance":
                setattr(parent, name, nn.InstanceNorm2d(child.num_features, affine=True))
            elif isinstance(child, nn.BatchNorm2d) and norm == "group":
                setattr(parent, name, nn.GroupNorm(math.gcd(GROUPS, child.num_features), child.num_features))
            elif isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(parent, name, SyncBatchNorm.of(child))
    return network


class SyncBatchNorm(nn.SyncBatchNorm):
    """BatchNorm over the equal parts of all processes, on any device: (N, C, ...) to the same shape.

    torch's own refuses CPU tensors, and what is tested on the CPU shall be what runs on GPUs. In one process, and in
    evaluation mode, it is `nn.BatchNorm1d` or `2d` bit for bit, with the same entries in `state_dict`.
    """

    @classmethod
    def of(cls, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> "SyncBatchNorm":
        """The same with the settings, weights and statistics of `norm`."""
        same = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        same.load_state_dict(norm.state_dict())
        return same

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or world_size() == 1:
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            exact = x.to(torch.promote_types(x.dtype, torch.float32))  # half precision is too coarse for sums
            dims, shape = [0, *range(2, x.ndim)], (1, -1, *(1,) * (x.ndim - 2))
            mean = average(exact.mean(dims))
            centred = exact - mean.view(shape)  # what is kept for the backward pass
            var = average(centred.square().mean(dims))
            self._remember(mean, var, world_size() * x.numel() // x.shape[1])
            scale = (var + self.eps).rsqrt()
            if not self.affine:
                return (centred * scale.view(shape)).to(x.dtype)
            return torch.addcmul(self.bias.view(shape), centred, (scale * self.weight).view(shape)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor, count: int) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * (count / (count - 1)), self.momentum)
