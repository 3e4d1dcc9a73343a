"""Encoders: images of shape (N, C, H, W) to features of shape (N, `dimension`)."""

from torch import Tensor, nn

from contraflow.config import Model

SMALL_IMAGE = 64  # pixels; up to here a ResNet's ImageNet stem would throw most of the image away


class SmallEncoder(nn.Sequential):
    """Four convolutions for images of 28 to 32 pixels on a CPU: (N, C, H, W) to (N, 8 * width).

    Strides halve the resolution where pooling layers would: on a CPU the memory traffic of full-resolution maps costs
    more than the arithmetic. The third convolution keeps the resolution, where most of the features are made.
    """

    def __init__(self, channels: int, width: int):
        widths = [width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for before, after, stride in zip([channels, *widths], widths, (2, 2, 1, 2), strict=False):
            layers += [
                nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.dimension = widths[-1]


class ResNet(nn.Module):
    """A torchvision ResNet without its classifier: (N, C, H, W) to (N, 512) or (N, 2048).

    Up to 64 pixels it begins with a 3x3 convolution of stride 1 and no pooling (SimCLR's CIFAR stem, Chen et al. 2020,
    appendix B.9), above with torchvision's own stem.
    """

    def __init__(self, name: str, channels: int, image_size: int):
        import torchvision  # takes a second, which a run with another encoder need not wait for

        super().__init__()
        network = torchvision.models.get_model(name, weights=None)
        self.dimension = network.fc.in_features
        network.fc = nn.Identity()
        stem = network.conv1
        if image_size <= SMALL_IMAGE:
            network.conv1 = nn.Conv2d(channels, stem.out_channels, 3, padding=1, bias=False)
            network.maxpool = nn.Identity()
        elif channels != stem.in_channels:
            network.conv1 = nn.Conv2d(channels, stem.out_channels, 7, stride=2, padding=3, bias=False)
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)


def build_encoder(model: Model, channels: int, image_size: int) -> nn.Module:
    """Make the encoder that `model` names, with random weights drawn from torch's generator.

    Returns:
        A module with the attribute `dimension`, the length of its feature vectors.
    """
    if model.encoder == "small":
        return SmallEncoder(channels, model.width)
    return ResNet(model.encoder, channels, image_size)
