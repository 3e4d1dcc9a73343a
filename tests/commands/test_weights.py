"""Pretrained weights come through the caches of timm and torchvision, as the command that a user types writes them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torchvision import models

from contraflow.commands.export import export
from contraflow.commands.weights import weights as write_weights
from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import load_encoder
from contraflow.models.normalisation import Normalisation
from contraflow.models.pretrained import pretrained
from contraflow.models.settings import Model
from contraflow.models.start import start_encoder
from contraflow.models.weights import read_weights
from contraflow.models.whitening import bare
from contraflow.training.teacher import Teacher

CONTRAFLOW = Path(sys.executable).with_name("contraflow")


@pytest.fixture
def weights(tmp_path):
    """`weights(*arguments)` runs the command without a network, with caches in `tmp_path`; `(status, output)`."""
    caches = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "TORCH_HOME": str(tmp_path / "torch")}

    def run(*arguments):
        done = subprocess.run(
            [CONTRAFLOW, "weights", *map(str, arguments)],
            env=os.environ | caches, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def snapshot(tmp_path):
    """`snapshot(repository)`: the folder in which the cache of Hugging Face's hub has its files."""

    def make(repository):
        folder = tmp_path / "hf/hub" / f"models--{repository.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs/main").write_text("1" * 40)
        (files := folder / "snapshots" / ("1" * 40)).mkdir(parents=True)
        return files

    return make


@pytest.fixture
def cached(snapshot):
    """`cached(name)` puts random weights into timm's cache; its state dict."""

    def put(name):
        state = timm.create_model(name).state_dict()
        save_file(state, snapshot(timm.get_pretrained_cfg(name).hf_hub_id) / "model.safetensors")
        return state

    return put


def started(encoder, file, image_size, channels=3):
    return start_encoder(
        Model(encoder=encoder, weights=str(file)),
        channels,
        image_size,
        Normalisation([0.5] * channels, [0.2] * channels),
    )


def test_weights_of_timms_cache_are_written_and_start_an_encoder(tmp_path, monkeypatch, weights, cached):
    monkeypatch.chdir(tmp_path)
    state = cached("test_resnet.r160_in1k")
    status, output = weights("timm/test_resnet", "data/net.safetensors")
    assert status == 0 and "made for images of 160 pixels a side (data.image_size)" in output, output
    found = load_file("data/net.safetensors")
    assert found.keys() == state.keys() and all(torch.equal(found[name], tensor) for name, tensor in state.items())
    assert Teacher(Path("data/net.safetensors"), None, "data").model.encoder == "timm/test_resnet"
    encoder = started("timm/test_resnet", "data/net.safetensors", 64)
    own = dict(encoder.encoder.network.named_parameters())
    assert own and all(torch.equal(weight, state[name]) for name, weight in own.items())
    mean = timm.get_pretrained_cfg("test_resnet").mean
    std = timm.get_pretrained_cfg("test_resnet").std
    expected = [(0.5 - m) / s for m, s in zip(mean, std, strict=True)]
    torch.testing.assert_close(encoder.shift.flatten(), torch.tensor(expected), check_dtype=False)


def test_positions_of_a_transformer_are_changed_to_another_size(tmp_path, monkeypatch, weights, cached):
    monkeypatch.chdir(tmp_path)
    state = cached("test_vit.r160_in1k")
    status, output = weights("timm/test_vit", "vit.safetensors", "--image-size", 64)
    assert status == 0, output
    assert "made for images of 64 pixels a side" in output
    assert load_file("vit.safetensors")["pos_embed"].shape[1] < state["pos_embed"].shape[1]
    started("timm/test_vit", "vit.safetensors", 64)
    with pytest.raises(UserError, match=r"1 of another shape \(pos_embed .*\); they are made for images of 64 pixels"):
        started("timm/test_vit", "vit.safetensors", 160)


def test_an_export_that_was_given_to_a_hub_comes_back(tmp_path, monkeypatch, weights, snapshot, checkpoint_of):
    monkeypatch.chdir(tmp_path)
    checkpoint = checkpoint_of(tmp_path / "own.safetensors", encoder="timm/test_vit", channels=3, image_size=32)
    export(checkpoint=checkpoint, out=tmp_path / "export", onnx=False)
    shutil.copytree(tmp_path / "export", snapshot("us/birds"), dirs_exist_ok=True)
    status, output = weights("hf-hub:us/birds", "birds.safetensors")
    assert status == 0 and "model.encoder timm/test_vit takes them" in output and "of 32 pixels a side" in output, (
        output
    )
    own, found = bare(load_encoder(checkpoint)[0]), started("timm/test_vit", "birds.safetensors", 32)
    images = torch.rand(2, 3, 32, 32)  # of pixels
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ([0.5, 0.4, 0.3], [0.2, 0.25, 0.3]))
    with torch.inference_mode():
        expected = own((images - mean) / std)
        torch.testing.assert_close(found.eval()((images - 0.5) / 0.2), expected, atol=1e-5, rtol=1e-5)


def test_weights_of_torchvisions_cache_are_written_and_start_an_encoder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    url = models.get_model_weights("mobilenet_v3_small").DEFAULT.url
    (folder := tmp_path / "torch/hub/checkpoints").mkdir(parents=True)
    state = models.get_model("mobilenet_v3_small").state_dict()
    torch.save(state, folder / url.rpartition("/")[2])
    for name in ("mobilenet_v3_small", "mobilenet_v3_small.IMAGENET1K_V1"):
        write_weights(f"torchvision/{name}", Path("net.safetensors"), image_size=None)
        assert read_weights(Path("net.safetensors")).image_size == 224
        encoder = started("torchvision/mobilenet_v3_small", "net.safetensors", 64)
        assert torch.equal(encoder.encoder.network.features[0][0].weight, state["features.0.0.weight"])
    write_weights("torchvision/mobilenet_v3_small.IMAGENET1K_V1", Path("again.safetensors"), image_size=None)
    assert Path("again.safetensors").read_bytes() == Path("net.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("resnet18", "weights are those of timm/NAME, torchvision/NAME or hf-hub:OWNER/NAME, got resnet18"),
        ("timm/resnet81", "model.encoder timm/resnet81 is no network of timm; close to it: resnet18"),
        ("timm/resnet18.no_such", r"timm cannot give pretrained weights of timm/resnet18.no_such \(.*no_such"),
        ("torchvision/resnet18.V7", "torchvision has no weights V7 of resnet18; it has IMAGENET1K_V1"),
    ],
)
def test_what_nobody_has_is_one_sentence(name, says):
    with pytest.raises(UserError, match=says):
        pretrained(name)


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("torchvision/resnet18", "torchvision"),
        pytest.param("timm/resnet18", "timm", marks=pytest.mark.slow),
        ("hf-hub:us/none", "timm"),
    ],
)
def test_what_is_in_no_cache_is_one_sentence_and_leaves_no_file(tmp_path, weights, name, library):
    status, output = weights(name, "net.safetensors")
    last = output.splitlines()[-1]
    assert status == 1 and last.startswith(f"contraflow: {library} cannot give pretrained weights of {name} ("), output
    assert last.endswith("they must be in its cache, or there must be a network")
    assert not (tmp_path / "net.safetensors").exists()


def test_another_kind_of_file_is_refused():
    with pytest.raises(UserError, match=r"^the file of weights must be named \*\.safetensors, got net\.pth$"):
        write_weights("timm/resnet18", Path("net.pth"), image_size=None)
