"""Encoders of timm, of torchvision and of the user's own."""

import pytest
import torch
from torch import nn

from contraflow.foundations.errors import UserError
from contraflow.models.encoders import build_encoder
from contraflow.models.norms import SplitBatchNorm, SyncBatchNorm, split_norm
from contraflow.models.settings import Model

NETS = """
import torch
from torch import nn

def build(channels, image_size):
    return nn.Sequential(nn.Conv2d(channels, 6, 3, 2), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def maps(channels, image_size):
    return nn.Conv2d(channels, 6, 3)

def words(channels, image_size):
    return "a network"

def failing(channels, image_size):
    raise ValueError(f"not {image_size}")

def nothing():
    return nn.Identity()
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """A module `nets_here` in the current directory."""
    (tmp_path / "nets_here.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("name", "size", "dimension"),
    [
        ("timm/test_resnet", 32, 96),
        ("timm/test_efficientnet.r160_in1k", 32, 256),
        ("timm/test_vit", 48, 64),
        ("timm/test_vit3", 32, 96),
        ("torchvision/resnet18", 32, 512),
        ("torchvision/squeezenet1_1", 32, None),
        ("torchvision/mobilenet_v3_small", 32, 1024),
        ("torchvision/shufflenet_v2_x0_5", 32, 1024),
        ("torchvision/densenet121", 32, 1024),
        ("nets_here:build", 16, 6),
    ],
)
def test_features_of_any_network_have_no_classifier(nets, name, size, dimension, channels):
    if dimension is None:
        with pytest.raises(UserError, match=r"torchvision/squeezenet1_1 has no linear classifier to take off"):
            build_encoder(Model(encoder=name), channels, size)
        return
    encoder = build_encoder(Model(encoder=name), channels, size)
    assert encoder.training and encoder.dimension == dimension
    images = torch.rand(4, channels, size, size)
    state = torch.get_rng_state()
    first, again = encoder(images), encoder(images)
    assert first.shape == (4, dimension) and torch.equal(first, again)  # dropout and stochastic depth are off
    assert torch.equal(torch.get_rng_state(), state)


def test_features_are_those_of_the_library_before_its_classifier():
    import timm
    from torchvision import models

    images = torch.rand(2, 3, 32, 32)
    for name, make in (
        ("timm/test_resnet", lambda: timm.create_model("test_resnet", num_classes=0)),
        ("torchvision/mobilenet_v3_small", lambda: models.mobilenet_v3_small()),
    ):
        ours, theirs = build_encoder(Model(encoder=name), 3, 32).eval(), make().eval()
        if name.startswith("torchvision"):
            theirs.classifier[3] = nn.Identity()
        theirs.load_state_dict(ours.network.state_dict())
        torch.testing.assert_close(ours(images), theirs(images))


def test_weights_are_drawn_by_the_seed_alone():
    drawn = []
    for _ in range(2):
        torch.manual_seed(5)
        drawn.append(build_encoder(Model(encoder="timm/test_resnet"), 1, 32).state_dict())
    torch.manual_seed(5)
    import timm

    drawn.append(timm.create_model("test_resnet", num_classes=0, in_chans=1).state_dict())
    for name, tensor in drawn[2].items():
        assert torch.equal(tensor, drawn[0][f"network.{name}"]) and torch.equal(tensor, drawn[1][f"network.{name}"])


@pytest.mark.parametrize(
    ("name", "size", "says"),
    [
        ("timm/test_resne", 32, r"timm/test_resne is no network of timm; close to it: test_resnet"),
        ("timm/test_resnet", 16, r"too many strides for images so small: one of 2 sees a map of 1 x 1 pixels"),
        ("torchvision/resnet19", 32, r"torchvision/resnet19 is no network of torchvision; close to it: resnet"),
        ("timm/test_maxvit", 20, r"timm/test_maxvit does not take images of 20 pixels a side and 3 channels \("),
        (
            "torchvision/vit_b_16",
            30,
            r"torchvision/vit_b_16 cannot be made with image_size=30 \(.*data\.image_size",
        ),
        ("no_such_nets:build", 16, r"no_such_nets is neither in this directory nor installed"),
        ("nets_here:buidl", 16, r"nets_here has no function buidl; close to it: build"),
        ("nets_here:maps", 16, r"nets_here:maps must make features \(N, D\) of .*, got \(2, 6, 14, 14\) of N = 2"),
        ("nets_here:words", 16, r"nets_here:words must return a torch\.nn\.Module, got str"),
        ("nets_here:failing", 16, r"failing\(channels=3, image_size=16\) failed \(ValueError: not 16\)"),
        ("nets_here:nothing", 16, r"must be a function of channels and image_size"),
        ("broken_here:build", 16, r"broken_here cannot be imported \(ZeroDivisionError: division by zero\)"),
    ],
)
def test_what_cannot_be_is_one_sentence(nets, name, size, says):
    (nets / "broken_here.py").write_text("1 / 0")
    with pytest.raises(UserError, match=rf"^model\.encoder {name.partition('/')[0]}.*") as found:
        build_encoder(Model(encoder=name), 3, size)
    assert found.match(says) and "\n" not in str(found.value)


@pytest.mark.parametrize(("norm", "kind"), [("sync", SyncBatchNorm), ("moco", SplitBatchNorm)])
def test_a_replaced_batchnorm_keeps_the_activation_inside(norm, kind):
    """timm's BatchNormAct2d is a BatchNorm2d that does more."""
    torch.manual_seed(0)
    plain = build_encoder(Model(encoder="timm/test_efficientnet"), 1, 32)
    torch.manual_seed(0)
    replaced = build_encoder(Model(encoder="timm/test_efficientnet", norm="sync" if norm == "sync" else "batch"), 1, 32)
    replaced = split_norm(replaced) if norm == "moco" else replaced
    assert any(isinstance(layer, kind) for layer in replaced.modules())
    assert list(replaced.state_dict()) == list(plain.state_dict())
    images = torch.rand(4, 1, 32, 32)
    if norm == "sync":
        torch.testing.assert_close(replaced(images), plain(images))
    else:
        replaced(images), plain(images)
        replaced.load_state_dict(plain.state_dict())
    torch.testing.assert_close(replaced.eval()(images), plain.eval()(images))


class _Shifted(nn.BatchNorm2d):
    def forward(self, x):
        return super().forward(x) + 1


def test_what_cannot_be_replaced_is_refused():
    with pytest.raises(UserError, match=r"whose BatchNormAct2d does more than normalise; got group$"):
        build_encoder(Model(encoder="timm/test_efficientnet", norm="group"), 1, 32)
    with pytest.raises(UserError, match=r"which has no BatchNorm of feature maps; got instance$"):
        build_encoder(Model(encoder="timm/test_vit", norm="instance"), 1, 32)
    with pytest.raises(UserError, match=r"torch's own BatchNorm where statistics are shared .*, got _Shifted$"):
        split_norm(nn.Sequential(_Shifted(4)))
    assert isinstance(build_encoder(Model(encoder="timm/test_resnet", norm="group"), 1, 32).network.bn1, nn.GroupNorm)


def test_where_a_map_is_as_large_as_the_stride_gradients_are_the_same_every_time():
    """Where it is smaller, in half precision on some CPUs, they are not: such networks are refused."""
    torch.manual_seed(0)
    layer, maps = nn.Conv2d(64, 64, 3, 2, 1, bias=False), torch.randn(32, 64, 2, 2)
    seen = set()
    for _ in range(20):
        layer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = layer(maps)
        features.float().square().sum().backward()
        seen.add(layer.weight.grad.numpy().tobytes())
    assert len(seen) == 1
