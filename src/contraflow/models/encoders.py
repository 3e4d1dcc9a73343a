"""Encoders: images of shape (N, C, H, W) to features of shape (N, `dimension`)."""

from torch import Tensor, nn

from contraflow.foundations.errors import UserError
from contraflow.models.foreign import build_foreign
from contraflow.models.normalisation import Renormalised
from contraflow.models.norms import set_norm
from contraflow.models.settings import SMALL_IMAGE, Model

PARTS = {"average": 1, "quarters": 2}  # by the pooling, a side: each is averaged by itself


class SmallEncoder(nn.Sequential):
    """Four convolutions for images of 28 to 32 pixels on a CPU, of which the last has 8 * width channels.

    Strides halve the resolution where pooling layers would: on a CPU the memory traffic of full-resolution maps costs
    more than the arithmetic. The third convolution keeps the resolution, where most of the features are made.

    Args:
        pooling: What makes features of these, as `model.pooling`: (N, C, H, W) to (N, 8 * width), with `quarters` to
            (N, 32 * width).
        side: Pixels a side of the last map.
    """

    def __init__(self, channels: int, width: int, pooling: str, side: int):
        widths = [width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for before, after, stride in zip([channels, *widths], widths, (2, 2, 1, 2), strict=False):
            layers += [
                nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        if pooling == "linear":
            layers += [nn.Flatten(), nn.Linear(widths[-1] * side**2, widths[-1])]
        else:
            layers += [nn.AdaptiveAvgPool2d(PARTS[pooling]), nn.Flatten()]
        super().__init__(*layers)
        self.dimension = widths[-1] * PARTS.get(pooling, 1) ** 2


class ResNet(nn.Module):
    """A torchvision ResNet without its classifier: (N, C, H, W) to (N, 512), from resnet50 on (N, 2048), with the
    pooling `quarters` four times as many.

    Up to 64 pixels it begins with a 3x3 convolution of stride 1 and no pooling (SimCLR's CIFAR stem, Chen et al. 2020,
    appendix B.9), above with torchvision's own stem. For `pooling` and `side` see `SmallEncoder`.
    """

    def __init__(self, name: str, channels: int, image_size: int, pooling: str, side: int):
        import torchvision  # takes a second, which a run with another encoder need not wait for

        super().__init__()
        network = torchvision.models.get_model(name, weights=None)
        self.dimension = network.fc.in_features * PARTS.get(pooling, 1) ** 2
        network.fc = nn.Identity()
        if pooling == "linear":
            network.avgpool, network.fc = nn.Identity(), nn.Linear(self.dimension * side**2, self.dimension)
        else:
            network.avgpool = nn.AdaptiveAvgPool2d(PARTS[pooling])
        stem = network.conv1
        if image_size <= SMALL_IMAGE:
            network.conv1 = nn.Conv2d(channels, stem.out_channels, 3, padding=1, bias=False)
            network.maxpool = nn.Identity()
        elif channels != stem.in_channels:
            network.conv1 = nn.Conv2d(channels, stem.out_channels, 7, stride=2, padding=3, bias=False)
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)


class SmallViT(nn.Module):
    """torchvision's VisionTransformer without its classifier, six blocks of 192: (N, C, H, W) to (N, 192).

    Patches of `patch` pixels a side divide the image evenly.
    """

    def __init__(self, channels: int, image_size: int, patch: int):
        from torchvision.models import VisionTransformer

        super().__init__()
        self.dimension = 192
        self.network = VisionTransformer(image_size, patch, 6, 6, self.dimension, 4 * self.dimension)
        self.network.heads = nn.Identity()
        if channels != 3:
            self.network.conv_proj = nn.Conv2d(channels, self.dimension, patch, patch)

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)


def build_encoder(model: Model, channels: int, image_size: int) -> nn.Module:
    """Make the encoder that `model` names, with random weights drawn from torch's generator.

    Where it is to start from others, `Renormalised` stands around it, and changes nothing yet.

    Returns:
        A module with the attribute `dimension`, the length of its feature vectors.

    Raises:
        UserError: as `build_foreign`, or its normalisations cannot be replaced.
    """
    encoder = _build(model, channels, image_size)
    return Renormalised(encoder, channels) if model.pretrained else encoder


def _build(model: Model, channels: int, image_size: int) -> nn.Module:
    if model.foreign:
        encoder = build_foreign(model.encoder, channels, image_size)
        _require_replaceable(encoder, model)
        return set_norm(encoder, model.norm)
    if model.encoder == "vit_small":
        return SmallViT(channels, image_size, model.stride(image_size))  # has LayerNorms of its own
    side = -(-image_size // model.stride(image_size))
    if model.encoder == "small":
        encoder = SmallEncoder(channels, model.width, model.pooling, side)
    else:
        encoder = ResNet(model.encoder, channels, image_size, model.pooling, side)
    return set_norm(encoder, model.norm)


def _require_replaceable(encoder: nn.Module, model: Model) -> None:
    kinds = {type(layer) for layer in encoder.modules() if isinstance(layer, nn.BatchNorm2d)}
    if model.norm in ("instance", "group") and kinds != {nn.BatchNorm2d}:
        names = ", ".join(sorted(kind.__name__ for kind in kinds - {nn.BatchNorm2d}))
        why = f"whose {names} does more than normalise" if kinds else "which has no BatchNorm of feature maps"
        raise UserError(
            f"model.norm must be batch or sync where model.encoder is {model.encoder}, {why}; got {model.norm}"
        )
