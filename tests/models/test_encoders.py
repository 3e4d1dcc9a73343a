import pytest
import torch
from torch import nn

from contraflow.models.encoders import build_encoder
from contraflow.models.settings import Model

DIMENSIONS = [("small", 64), ("resnet18", 512), ("resnet34", 512), ("resnet50", 2048), ("vit_small", 192)]


def model(encoder):
    small = {"width": 8, "projection_hidden": 8, "projection_dim": 8, "predictor_hidden": 8}
    return Model(encoder=encoder, norm="batch", pooling="average", **small)


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


@pytest.mark.parametrize(("size", "side"), [(28, 4), (32, 4), (36, 5)])
def test_a_linear_layer_sees_where_a_thing_is_and_an_average_does_not(size, side):
    pooled = {}
    for pooling in ("average", "quarters", "linear"):
        torch.manual_seed(0)
        encoder = build_encoder(Model(width=8, pooling=pooling), 1, size).eval()
        layers = list(encoder)
        images = torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(0))
        last, pool = nn.Sequential(*layers[:-2])(images), nn.Sequential(*layers[-2:])
        assert last.shape == (1, 64, side, side)
        pooled[pooling] = [pool(last), pool(last.flip(-1))]
    torch.testing.assert_close(*pooled["average"])
    assert not torch.allclose(*pooled["linear"], atol=1e-3)
    half = -(-side // 2)  # where the middle has a row, both halves have it
    corner = last.flip(-1)[..., :half, -half:].mean((2, 3))
    torch.testing.assert_close(pooled["quarters"][1].unflatten(1, (64, 2, 2))[:, :, 0, 1], corner)
    torch.testing.assert_close(pooled["linear"][1], last.flip(-1).flatten(1) @ encoder[-1].weight.T + encoder[-1].bias)


@pytest.mark.parametrize(("pooling", "dimension"), [("average", 512), ("quarters", 2048), ("linear", 512)])
@pytest.mark.parametrize("size", [28, 36, 96])
def test_a_resnet_is_pooled_so_too(size, pooling, dimension):
    encoder = build_encoder(Model(encoder="resnet18", pooling=pooling), 1, size).eval()
    assert encoder(torch.rand(2, 1, size, size)).shape == (2, dimension) == (2, encoder.dimension)
