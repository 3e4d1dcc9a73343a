import pytest
import torch

from contraflow.models.encoders import build_encoder
from contraflow.models.settings import Model

DIMENSIONS = [("small", 64), ("resnet18", 512), ("resnet34", 512), ("resnet50", 2048), ("vit_small", 192)]


def model(encoder):
    return Model(encoder=encoder, width=8, norm="batch", projection_hidden=8, projection_dim=8, predictor_hidden=8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 32])
@pytest.mark.parametrize(("name", "dimension"), DIMENSIONS)
def test_features_have_the_dimension_that_the_encoder_names(name, dimension, channels, size):
    encoder = build_encoder(model(name), channels, size).eval()
    features = encoder(torch.zeros(2, channels, size, size))
    assert features.shape == (2, dimension) == (2, encoder.dimension)


@pytest.mark.parametrize(("size", "map_size"), [(32, 4), (96, 3)])
def test_small_images_keep_their_resolution_in_the_stem(size, map_size):
    network = build_encoder(model("resnet18"), 3, size).eval()
    seen = []
    network.network.layer4.register_forward_hook(lambda *call: seen.append(call[2].shape[-1]))
    network(torch.zeros(1, 3, size, size))
    assert seen == [map_size]


def test_large_images_have_large_patches():
    assert build_encoder(model("vit_small"), 3, 96)(torch.zeros(1, 3, 96, 96)).shape == (1, 192)
