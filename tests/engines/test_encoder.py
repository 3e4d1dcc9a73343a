"""What only a built encoder can tell is told before the first job."""

import pytest

from contraflow.engines.encoder import require_encoder
from contraflow.foundations.errors import UserError

NETS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, channels, noise):
        super().__init__()
        self.conv, self.noise = nn.Conv2d(channels, 4, 3), noise
    def forward(self, images):
        features = self.conv(images).mean((2, 3))
        return features + torch.rand_like(features) if self.noise and self.training else features

def quiet(channels, image_size):
    return Net(channels, False)

def noisy(channels, image_size):
    return Net(channels, True)

def grey(channels, image_size):
    assert channels == 1
    return Net(channels, False)

class Untrained(Net):
    def forward(self, images):
        return super().forward(images[:, :, :, : images.shape[3] // (0 if self.training else 1)])

def untrained(channels, image_size):
    return Untrained(channels, False)
"""


LARGER = {"data": {"path": "images", "image_size": 32}}


@pytest.fixture
def require(tmp_path, monkeypatch, params_of):
    """`require("timm/test_vit", code="data")`: whether a run in a directory with a module `watched_nets` is allowed."""
    (tmp_path / "watched_nets.py").write_text(NETS)
    (tmp_path / "other.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "watched_nets", raising=False)

    def make(encoder, code="data", **changes):
        changes = {"data": {"path": "images"}} | changes
        return require_encoder(tmp_path, params_of(model={"encoder": encoder, "code": code}, **changes))

    return make


@pytest.mark.parametrize(
    ("encoder", "changes", "says"),
    [
        ("timm/test_resnet", LARGER, None),
        ("timm/test_resnet", LARGER | {"augment": {"local_views": 2, "local_side": 0.6}}, None),
        ("timm/test_resnet", LARGER | {"augment": {"local_views": 2}}, "it does not take images of 16 pixels a side"),
        ("timm/test_resnet", {}, "timm/test_resnet has too many strides for images so small"),
        ("timm/test_efficientnet", LARGER | {"method": {"name": "moco"}}, None),
        ("timm/test_vit", {}, None),
        (
            "timm/test_vit",
            {"augment": {"local_views": 2}},
            "augment.local_views must be 0 where model.encoder is timm/test_vit: it does not take images of 8 pixels a "
            "side beside those of 16",
        ),
        ("timm/test_vit9", {}, "timm/test_vit9 is no network of timm; close to it: test_vit"),
        ("timm/test_convnext", {}, "timm/test_convnext has too many strides for images so small"),
        (
            "torchvision/inception_v3",
            {"data": {"path": "i", "image_size": 96}},
            "cannot be trained on images of 96",
        ),
    ],
)
def test_a_network_of_a_library_is_built_first(require, encoder, changes, says):
    if says is None:
        return require(encoder, **changes)
    with pytest.raises(UserError) as found:
        require(encoder, **changes)
    assert says in str(found.value)


@pytest.mark.parametrize(
    ("encoder", "code", "says"),
    [
        ("watched_nets:quiet", "watched_nets.py", None),
        ("watched_nets:grey", "watched_nets.py", None),
        ("watched_nets:noisy", "watched_nets.py", "watched_nets:noisy draws random numbers in training, with which"),
        (
            "watched_nets:untrained",
            "watched_nets.py",
            "watched_nets:untrained cannot be trained on images of",
        ),
        (
            "watched_nets:quiet",
            "data",
            "model.code must be watched_nets.py, or a folder around it, where model.encoder",
        ),
        ("watched_nets:quiet", "other.py", "model.code must be the file or folder that watched_nets is read from"),
    ],
)
def test_a_network_of_the_users_is_read_from_where_the_engines_look(require, encoder, code, says):
    if says is None:
        return require(encoder, code)
    with pytest.raises(UserError) as found:
        require(encoder, code)
    assert says in str(found.value)
