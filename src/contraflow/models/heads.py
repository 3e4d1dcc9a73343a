"""The head between an encoder's features and a loss."""

from torch import nn


def projection_head(features: int, hidden: int, dim: int) -> nn.Sequential:
    """SimCLR's two-layer projection head (Chen et al. 2020, section 4.2): (N, features) to (N, dim).

    It is thrown away after pretraining: the features before it serve downstream tasks better.
    """
    return nn.Sequential(
        nn.Linear(features, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, dim),
    )


def linear_head(features: int, hidden: int, dim: int) -> nn.Linear:
    """CLIP's projection into the space of images and texts, without a hidden layer: (N, features) to (N, dim)."""
    return nn.Linear(features, dim, bias=False)


def plain_head(features: int, hidden: int, dim: int) -> nn.Sequential:
    """MoCo v2's projection head, in the authors' code without BatchNorm: (N, features) to (N, dim)."""
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, dim))
