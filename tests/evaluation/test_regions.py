"""Which regions make two images near: against closed forms, against occlusion, and against what the words say."""

import numpy as np
import pytest
import torch
from torch import nn

from contraflow.evaluation.regions import contributions, feature_map, regions_alike
from contraflow.models.encoders import build_encoder
from contraflow.models.settings import Model

CPU = torch.device("cpu")
MODEL = {"width": 8, "norm": "batch", "projection_hidden": 8, "projection_dim": 4, "predictor_hidden": 8}


def patches(width=6, channels=3, patch=4):
    """A network that sees each patch alone, and nothing in a black one; features are the mean over patches."""
    torch.manual_seed(0)
    convolutions = nn.Conv2d(channels, width, patch, patch, bias=False), nn.Conv2d(width, width, 1, bias=False)
    return nn.Sequential(convolutions[0], nn.ReLU(), convolutions[1], nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


def cosine(a, b):
    return torch.cosine_similarity(a, b, dim=-1)


def test_where_features_are_the_mean_of_the_map_the_places_are_its_products_and_sum_to_the_cosine():
    encoder, pairs = patches(), torch.rand(5, 2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    found = regions_alike(encoder, pairs, CPU)
    assert found.shape == (5, 2, 4, 4) and found.dtype == np.float32
    with torch.no_grad():
        maps, features = encoder[:3](pairs.flatten(0, 1)), encoder(pairs.flatten(0, 1))
    maps, features = maps.unflatten(0, (5, 2)).double().numpy(), features.unflatten(0, (5, 2)).double().numpy()
    for pair in range(5):
        for one, other in ((0, 1), (1, 0)):
            mine, theirs = features[pair, one], features[pair, other]
            lengths = np.linalg.norm(mine) * np.linalg.norm(theirs)
            for row in range(4):
                for column in range(4):
                    expected = maps[pair, one, :, row, column] @ theirs / 16 / lengths
                    assert found[pair, one, row, column] == pytest.approx(expected, abs=1e-6)
            assert found[pair, one].sum() == pytest.approx(mine @ theirs / lengths, abs=1e-6)


def test_a_patch_gives_what_the_cosine_loses_where_it_is_black_and_lengths_are_held():
    encoder, pairs = patches(), torch.rand(3, 2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    found = regions_alike(encoder, pairs, CPU)
    for pair in range(3):
        for one, other in ((0, 1), (1, 0)):
            with torch.no_grad():
                mine, theirs = encoder(pairs[pair, one][None])[0], encoder(pairs[pair, other][None])[0]
                for row in range(4):
                    for column in range(4):
                        black = pairs[pair, one].clone()
                        black[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
                        lost = (mine - encoder(black[None])[0]) @ theirs / (mine.norm() * theirs.norm())
                        assert found[pair, one, row, column] == pytest.approx(float(lost), abs=1e-6)


class OneRegion(nn.Module):
    """Sees the four upper left patches of an image alone."""

    def __init__(self):
        super().__init__()
        self.inner = patches()

    def forward(self, images):
        seen = torch.zeros_like(images)
        seen[..., :8, :8] = images[..., :8, :8]
        return self.inner(seen)


def test_a_network_that_sees_one_region_is_lit_there_and_nowhere_else():
    pairs = torch.rand(4, 2, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    found, encoder = regions_alike(OneRegion().eval(), pairs, CPU), OneRegion().eval()
    assert np.abs(found[..., :2, :2]).min() > 0
    outside = np.ones((4, 4), bool)
    outside[:2, :2] = False
    assert not found[..., outside].any()
    with torch.no_grad():
        expected = cosine(*encoder(pairs.flatten(0, 1)).unflatten(0, (4, 2)).unbind(1))
    np.testing.assert_allclose(found.sum((2, 3)), expected[:, None].expand(-1, 2).numpy(), atol=1e-6)


def test_of_two_equal_images_all_that_both_show_is_lit():
    """The gradient of the cosine itself is 0 there."""
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(4))
    image[:, 8:] = 0
    found = regions_alike(patches(), torch.stack([image, image])[None], CPU)[0]
    assert np.array_equal(found[0], found[1]) and found.sum() == pytest.approx(2, abs=1e-5)
    assert np.abs(found[:, :2]).min() > 0 and not found[:, 2:].any()


def built(encoder, size=32):
    torch.manual_seed(0)
    network = build_encoder(Model(**MODEL | {"encoder": encoder}), 3, size).train()
    with torch.no_grad():
        network(torch.rand(8, 3, size, size) * 2)
    return network.eval()


KINDS = {  # pixels, the layer, places a side, and tokens that stand before theirs
    "small": (28, "11", 4, 0),
    "resnet18": (32, "network.layer4", 4, 0),
    "vit_small": (32, "network.encoder.layers.encoder_layer_5.ln_1", 8, 1),
    "timm/test_resnet": (64, "network.layer4", 2, 0),
    "timm/test_convnext": (64, "network.norm_pre", 2, 0),
    "timm/test_vit": (64, "network.blocks.5.attn.qkv", 4, 1),
    "torchvision/mobilenet_v3_small": (64, "network.features", 2, 0),
    "torchvision/swin_t": (64, "network.permute", 2, 0),
    "torchvision/vgg11": (64, "network.features", 2, 0),
}


@pytest.mark.parametrize("name", KINDS)
def test_of_any_encoder_a_place_of_the_last_map_gives_what_the_cosine_changes_with_it(name):
    """Against the difference that each place makes when it is a little stronger or weaker, alone."""
    size, layer, side, tokens = KINDS[name]
    encoder = built(name, size).double()
    images = torch.rand(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    found = feature_map(encoder, images)
    assert (dict(encoder.named_modules())[layer], side, tokens) == (found.layer, found.side, found.tokens)
    with torch.no_grad():
        features = encoder(images)
    others = features.flip(0)
    given = contributions(encoder, found, images, others)
    assert given.shape == (2, side, side)
    with torch.no_grad():
        assert torch.equal(encoder(images), features)  # nothing is left behind
    for row, column in [(0, 0), (side - 1, 0), (side // 2, side - 1)]:
        more, less = (strengthened(encoder, found, images, row, column, factor) for factor in (1 + 1e-5, 1 - 1e-5))
        slope = ((more - less) * others).sum(1) / 2e-5 / (features.norm(dim=1) * others.norm(dim=1))
        torch.testing.assert_close(given[:, row, column].double(), slope, atol=1e-6, rtol=1e-3)
    assert (given != 0).any(dim=(1, 2)).all()


def strengthened(encoder, found, images, row, column, factor):
    """Features where a place of the map is so much stronger, and LayerNorms divide as they did without."""
    deviations, hooks = {}, []

    def keep(layer, inputs, _):
        axes = _axes(layer)
        deviations[layer] = (inputs[0].var(axes, correction=0, keepdim=True) + layer.eps).sqrt()

    def divide(layer, inputs, _):
        axes, (x,) = _axes(layer), inputs
        x = ((x - x.mean(axes, keepdim=True)) / deviations[layer]).movedim(1 if axes == (1,) else -1, -1)
        return (x * layer.weight + layer.bias).movedim(-1, 1 if axes == (1,) else -1)

    def change(_, __, output):
        output = output.clone()
        if output.ndim == 3:
            output[:, found.tokens + row * found.side + column] *= factor
        elif found.channels == 1:
            output[:, :, row, column] *= factor
        else:
            output[:, row, column] *= factor
        return output

    norms = [layer for layer in encoder.modules() if isinstance(layer, nn.LayerNorm)]
    with torch.no_grad():
        hooks = [layer.register_forward_hook(keep) for layer in norms]
        encoder(images)
        hooks += [layer.register_forward_hook(divide) for layer in norms]
        for hook in hooks[: len(norms)]:
            hook.remove()
        hooks.append(found.layer.register_forward_hook(change))
        features = encoder(images)
    for hook in hooks:
        hook.remove()
    return features


def _axes(layer):
    return (1,) if type(layer).__name__ == "LayerNorm2d" else (-1,)


def test_behind_a_layer_norm_two_equal_images_are_alike_where_they_show_something():
    patch = patches()
    encoder = nn.Sequential(*patch, nn.LayerNorm(6, elementwise_affine=False)).eval()
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(6))
    image[:, 8:] = 0
    found = regions_alike(encoder, torch.stack([image, image])[None], CPU)[0]
    assert found[0].sum() == pytest.approx(1, abs=1e-5) and not found[:, 2:].any() and (found[:, :2] > 0).sum() > 8


class Functional(nn.Module):
    """No layer makes its map."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(5, 3, 3, 3))

    def forward(self, images):
        return nn.functional.conv2d(images, self.weight).relu().mean((2, 3))


@pytest.mark.parametrize("encoder", [nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 5)), Functional()])
def test_what_has_no_feature_map_has_none(encoder):
    pairs = torch.rand(3, 2, 3, 16, 16)
    assert feature_map(encoder.eval(), pairs[0]) is None
    assert regions_alike(encoder, pairs, CPU).shape == (3, 2, 0, 0)
    assert regions_alike(encoder, pairs[:0], CPU).shape == (0, 2, 0, 0)


def test_bits_depend_neither_on_the_threads_nor_on_what_else_is_shown():
    encoder, pairs = built("resnet18"), torch.rand(20, 2, 3, 32, 32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(regions_alike(encoder, pairs, CPU))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])
    np.testing.assert_allclose(regions_alike(encoder, pairs[:3], CPU), found[0][:3], atol=1e-6)
    assert all(parameter.grad is None for parameter in encoder.parameters())
