import pytest
import torch

from contraflow.config import Model
from contraflow.models import build_encoder


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 32])
@pytest.mark.parametrize(("name", "dimension"), [("small", 64), ("resnet18", 512), ("resnet50", 2048)])
def test_features_have_the_dimension_that_the_encoder_names(name, dimension, channels, size):
    encoder = build_encoder(Model(encoder=name, width=8, projection_hidden=8, projection_dim=8), channels, size).eval()
    features = encoder(torch.zeros(2, channels, size, size))
    assert features.shape == (2, dimension) == (2, encoder.dimension)


@pytest.mark.parametrize(("size", "map_size"), [(32, 4), (96, 3)])
def test_small_images_keep_their_resolution_in_the_stem(size, map_size):
    network = build_encoder(Model(encoder="resnet18", width=8, projection_hidden=8, projection_dim=8), 3, size).eval()
    seen = []
    network.network.layer4.register_forward_hook(lambda *call: seen.append(call[2].shape[-1]))
    network(torch.zeros(1, 3, size, size))
    assert seen == [map_size]
