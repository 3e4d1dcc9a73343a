"""Low-rank adapters through real trainings: what learns, what is kept, and what is said where they cannot be."""

import copy
import sys

import pytest
import timm
import torch
from fixtures.kills import die_after_each_epoch
from safetensors.torch import load_file
from torch import nn
from torchvision import models

from contraflow.encoded.names import CARD
from contraflow.engines.encoder import require_encoder
from contraflow.foundations.artefacts import sha256
from contraflow.foundations.errors import UserError
from contraflow.models.adapters import add_adapters, merge_adapters
from contraflow.models.checkpoint import load_encoder
from contraflow.steps.mine.mine import MiningSettings, mine
from contraflow.steps.mine.train_mined import MinedTraining, train_mined

NETWORKS = {
    "timm/test_vit": lambda: timm.create_model("test_vit", num_classes=0, img_size=32),
    "timm/test_resnet": lambda: timm.create_model("test_resnet", num_classes=0),
    "timm/tf_efficientnet_lite0": lambda: timm.create_model("tf_efficientnet_lite0", num_classes=0),
    "torchvision/resnet18": models.resnet18,
    "a transformer of torchvision": lambda: models.VisionTransformer(32, 8, 1, 2, 16, 32),
}


pytestmark = pytest.mark.usefixtures("huggingface")


@pytest.fixture
def here(tmp_path, monkeypatch, checkpoint_of):
    """A directory with weights to start from."""
    monkeypatch.chdir(tmp_path)
    checkpoint_of(tmp_path / "start.safetensors")
    return tmp_path


@pytest.fixture
def adapted(params_of):
    """`adapted(method="simclr", **train)`: parameters of a training of adapters of rank 2."""

    def make(method="simclr", **train):
        return params_of(
            model={"weights": "start.safetensors"},
            method={"name": method, "queue": 16},
            train={"epochs": 2, "lora": 2, "knn_every": 0, **train},
            mining={"epochs": 1},
        )

    return make


def require_low_rank(before, after):
    """Of the encoder's weights the changes of convolutions have rank 2 at most, and all others stay."""
    assert before.keys() == after.keys()
    for name, weight in after.items():
        change = weight - before[name]
        if weight.ndim == 4:
            assert 1 <= torch.linalg.matrix_rank(change.flatten(1), rtol=1e-2) <= 2, name
        elif "running" not in name and "tracked" not in name:
            assert torch.equal(weight, before[name]), name


@pytest.mark.parametrize("name", NETWORKS)
def test_adapters_change_nothing_at_first_and_leave_no_trace_but_the_weights(name):
    torch.manual_seed(0)
    network, images = NETWORKS[name]().eval(), torch.randn(4, 3, 32, 32)
    if hasattr(network, "heads"):
        network.heads = nn.Identity()  # zero at first
    plain = copy.deepcopy(network)
    add_adapters(network, 4)
    torch.testing.assert_close(network(images), plain(images), rtol=0, atol=0)
    learned = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    assert learned and all("lora" in name for name in learned)
    with torch.no_grad():
        for weight in learned.values():
            weight.add_(torch.randn_like(weight), alpha=0.02)
        expected = network(images)
    merge_adapters(network)
    assert {key: type(layer) for key, layer in network.named_modules()} == {
        key: type(layer) for key, layer in plain.named_modules()
    }
    assert network.state_dict().keys() == plain.state_dict().keys()
    assert not torch.allclose(expected, plain(images), atol=1e-3)
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["simclr", "byol", "moco"])
def test_of_the_encoder_only_a_change_of_low_rank_is_learned(here, adapted, encoded, pretrained, method):
    trained = load_file(pretrained(adapted(method), encoded, here / "out") / "encoder.safetensors")
    start = load_encoder(here / "start.safetensors")[0].state_dict()
    own, of_momentum = (
        {name.removeprefix(part): weight for name, weight in trained.items() if name.startswith(part)}
        for part in ("encoder.encoder.", "momentum.encoder.encoder.")
    )
    require_low_rank(start, own)
    assert of_momentum.keys() == (set() if method == "simclr" else start.keys())
    untouched = load_file(pretrained(adapted(method, lr=1e-9), encoded, here / "still") / "encoder.safetensors")
    assert not torch.allclose(trained["projection.0.weight"], untouched["projection.0.weight"], atol=1e-3)


def test_kills_change_nothing_and_a_mining_round_goes_on_from_the_merged_weights(
    here, adapted, encoded, pretrained, monkeypatch
):
    params = adapted("byol", ema=0.5, frozen_epochs=1, first_layer_rate=0.1, head_rate=2.0, clip=1.0, micro_batch=8)
    whole = pretrained(params, encoded, here / "whole")
    with monkeypatch.context() as patch:
        die_after_each_epoch(patch)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                pretrained(params, encoded, here / "killed")
    pretrained(params, encoded, here / "killed")
    checkpoint = whole / "encoder.safetensors"
    assert sha256(here / "killed/encoder.safetensors") == sha256(checkpoint)

    card, out = encoded.folder / CARD, here / "mined"
    mine(MiningSettings.of(params), encoder=checkpoint, data=card, negatives=here / "n.npz", threads=1)
    files = {"start": checkpoint, "before": whole / "history.csv", "negatives": here / "n.npz", "data": card}
    files |= {"encoder": out / "encoder.safetensors", "history": out / "history.csv", "state": out / "state"}
    train_mined(MinedTraining.of(params), **files, threads=1)
    before, after = (load_encoder(file)[0].encoder.state_dict() for file in (checkpoint, out / "encoder.safetensors"))
    require_low_rank(before, after)


def test_what_cannot_have_adapters_is_refused_first(here, params_of, adapted, monkeypatch):
    require_encoder(here, adapted())
    with pytest.raises(UserError, match=r"train\.lora must be null where model\.weights is data: .*, got 2$"):
        require_encoder(here, params_of(train={"lora": 2}))
    with pytest.raises(UserError, match=r"train\.lora must be null for this encoder: it has no linear layer or conv"):
        add_adapters(nn.Sequential(nn.BatchNorm2d(3), nn.Flatten()), 2)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UserError, match=r"train\.lora needs peft, which nothing else does \(.*\): ./setup\.sh lora"):
        require_encoder(here, adapted())
