"""Pretrained weights come through the caches of timm and torchvision, as the command that a user types writes them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torchvision import models

from contraflow.models.normalisation import Normalisation
from contraflow.models.settings import Model
from contraflow.models.start import start_encoder
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
def cached(tmp_path):
    """`cached(name)` puts random weights into timm's cache; its state dict."""

    def put(name):
        repository = timm.get_pretrained_cfg(name).hf_hub_id
        folder = tmp_path / "hf/hub" / f"models--{repository.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs/main").write_text("1" * 40)
        (snapshot := folder / "snapshots" / ("1" * 40)).mkdir(parents=True)
        state = timm.create_model(name).state_dict()
        save_file(state, snapshot / "model.safetensors")
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
    assert status == 0, output
    found = load_file("data/net.safetensors")
    assert found.keys() == state.keys() and all(torch.equal(found[name], tensor) for name, tensor in state.items())
    assert Teacher(Path("data/net.safetensors"), None, "data").model().encoder == "timm/test_resnet"
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
    assert load_file("vit.safetensors")["pos_embed"].shape[1] < state["pos_embed"].shape[1]
    started("timm/test_vit", "vit.safetensors", 64)


def test_weights_of_torchvisions_cache_are_written_and_start_an_encoder(tmp_path, monkeypatch, weights):
    monkeypatch.chdir(tmp_path)
    url = models.get_model_weights("mobilenet_v3_small").DEFAULT.url
    (folder := tmp_path / "torch/hub/checkpoints").mkdir(parents=True)
    state = models.get_model("mobilenet_v3_small").state_dict()
    torch.save(state, folder / url.rpartition("/")[2])
    for name in ("mobilenet_v3_small", "mobilenet_v3_small.IMAGENET1K_V1"):
        status, output = weights(f"torchvision/{name}", "net.safetensors")
        assert status == 0, output
        encoder = started("torchvision/mobilenet_v3_small", "net.safetensors", 64)
        assert torch.equal(encoder.encoder.network.features[0][0].weight, state["features.0.0.weight"])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("resnet18", "pretrained weights are those of timm/NAME or torchvision/NAME, got resnet18"),
        ("timm/resnet81", "model.encoder timm/resnet81 is no network of timm; close to it: resnet18"),
        ("timm/resnet18.no_such", r"timm cannot give pretrained weights of timm/resnet18.no_such \(.*no_such"),
        ("torchvision/resnet18.V7", "torchvision has no weights V7 of resnet18; it has IMAGENET1K_V1"),
        ("torchvision/resnet18", "there must be a network"),
        ("timm/resnet18", "they must be in its cache, or there must be a network"),
    ],
)
def test_what_cannot_be_had_is_one_sentence_and_leaves_no_file(tmp_path, weights, name, says):
    status, output = weights(name, "net.safetensors")
    last = output.splitlines()[-1]
    assert status == 1 and last.startswith("contraflow: ") and re.search(says, last), output
    assert not (tmp_path / "net.safetensors").exists()


def test_another_kind_of_file_is_refused(weights):
    status, output = weights("timm/resnet18", "net.pth")
    assert (status, output) == (1, "contraflow: the file of weights must be named *.safetensors, got net.pth\n")
