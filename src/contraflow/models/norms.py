"""What normalises a network's feature maps: the names that `model.norm` takes."""

import math

from torch import nn

from contraflow.models.sync_norm import SyncBatchNorm

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
            if isinstance(child, nn.BatchNorm2d) and norm != "sync":
                setattr(parent, name, _other(child.num_features, norm))
            elif isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(parent, name, SyncBatchNorm.of(child))
    return network


def _other(channels: int, norm: str) -> nn.Module:
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)
