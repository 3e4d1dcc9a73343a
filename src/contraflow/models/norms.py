"""What normalises a network's feature maps: the names that `model.norm` takes."""

import math

from torch import nn

GROUPS = 32  # of GroupNorm, or the most that divide the channels evenly (Wu & He 2018)


def set_norm(network: nn.Module, norm: str) -> nn.Module:
    """Give `network` another normalisation than BatchNorm.

    `sync` shares the statistics of every BatchNorm over all GPUs. `instance` and `group` replace those of feature maps,
    not those of vectors, which have no pixels to take statistics of. `batch` changes nothing.
    """
    if norm == "sync":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    if norm == "batch":
        return network
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, _other(child.num_features, norm))
    return network


def _other(channels: int, norm: str) -> nn.Module:
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)
