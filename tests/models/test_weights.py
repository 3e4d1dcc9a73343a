"""Weights from a file: all of them, or one sentence."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from contraflow.foundations.errors import UserError
from contraflow.models.encoders import build_encoder
from contraflow.models.normalisation import Normalisation, Renormalised, reached
from contraflow.models.settings import Model
from contraflow.models.weights import load_weights

GIVEN = Normalisation([0.5], [0.25])
MODEL = Model(encoder="timm/test_resnet", weights="here.pth")


@pytest.fixture
def state():
    """Of the network, with its classifier."""
    import timm

    torch.manual_seed(1)
    return timm.create_model("test_resnet", in_chans=1).state_dict()


@pytest.fixture
def load(tmp_path):
    """`load(content)`: an encoder filled with what torch.save made of the content, and what was said."""

    def make(content, model=MODEL, channels=1, name="a.pth"):
        encoder = build_encoder(model, channels, 32)
        (save_file if name.endswith("safetensors") else torch.save)(content, tmp_path / name)
        return encoder, load_weights(encoder, tmp_path / name, Normalisation([0.5] * channels, [0.25] * channels))

    return make


@pytest.mark.parametrize("key", [None, "state_dict", "model"])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_file_is_loaded_whole_but_for_the_classifier(load, state, name, key):
    if name.endswith("safetensors") and key:
        return
    encoder, said = load({key: state, "epoch": 3} if key else state, name=name)
    found = encoder.encoder.network.state_dict()
    assert all(torch.equal(found[name], state[name]) for name in found)
    assert "left out, as no part of an encoder: fc.bias, fc.weight" in said
    assert f"{len(found)} tensors" in said and "mean 0.5 and deviation 0.5" in said
    assert said.endswith("; made for images of 160 pixels a side")


def test_counts_of_batches_may_be_missing_and_that_is_said(load, state):
    _, said = load({name: tensor for name, tensor in state.items() if "num_batches" not in name})
    assert "BatchNorms have no count of batches there" in said


def _without(state, *names):
    return {name: tensor for name, tensor in state.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: _without(s, "conv1.0.weight"), r"of its tensors 1 missing \(conv1\.0\.weight\)$"),
        (lambda s: s | {"extra.weight": torch.ones(1)}, r"of its tensors 1 unexpected \(extra\.weight\)$"),
        (
            lambda s: s | {"bn1.bias": torch.ones(7)},
            r"shape \(bn1\.bias \(7,\) instead of \(\d+,\)\); they are made for .* 160 pix",
        ),
        (lambda s: {f"backbone.{k}": t for k, t in s.items()}, r"missing \(.* more\), \d+ unexpected \(backbone\."),
        (lambda s: {"weights": [1, 2]}, r"must hold a state dict, itself or as state_dict, model, model_state_dict$"),
        (lambda s: s | {"net": nn.Linear(1, 1)}, r"must hold tensors alone, since anything else would be run"),
    ],
)
def test_what_does_not_fit_is_named(load, state, change, says):
    with pytest.raises(UserError, match=r"^model\.weights \S+a\.pth ") as found:
        load(change(state))
    assert found.match(says) and "\n" not in str(found.value)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_damaged_or_missing_file_is_named(tmp_path, name):
    encoder, file = build_encoder(MODEL, 1, 32), tmp_path / name
    with pytest.raises(UserError, match=rf"must be a file of weights, got {file}, where there is none"):
        load_weights(encoder, file, GIVEN)
    file.write_bytes(b"PK" + bytes(100))
    with pytest.raises(UserError, match=rf"model\.weights {file} is damaged, or no "):
        load_weights(encoder, file, GIVEN)


def test_a_resnet_for_small_images_takes_no_stem_for_large_ones(load):
    from torchvision.models import resnet18

    with pytest.raises(UserError, match=r"conv1\.weight \(64, 3, 7, 7\) instead of \(64, 3, 3, 3\)"):
        load(resnet18().state_dict(), Model(encoder="resnet18", weights="a.pth"), channels=3)
    encoder, said = load(resnet18().state_dict(), Model(encoder="torchvision/resnet18", weights="a.pth"), channels=3)
    assert encoder.dimension == 512 and "mean 0.485, 0.456, 0.406 and deviation 0.229, 0.224, 0.225" in said


def test_the_normalisation_is_turned_and_found_again():
    given, wanted = Normalisation([0.1, 0.5, 0.9], [0.2, 0.3, 0.4]), Normalisation([0.4, 0.4, 0.3], [0.5, 0.2, 0.1])
    encoder = nn.Identity()
    encoder.dimension = 3
    turned = Renormalised(encoder, 3)
    pixels = torch.rand(2, 3, 4, 4)

    def by(of):
        return (pixels - torch.tensor(of.mean).view(3, 1, 1)) / torch.tensor(of.std).view(3, 1, 1)

    assert torch.equal(turned(pixels), pixels)
    turned.turn(given, wanted)
    torch.testing.assert_close(turned(by(given)), by(wanted))
    again = reached(given, turned.scale, turned.shift)
    assert again.mean == pytest.approx(wanted.mean, abs=1e-6) and again.std == pytest.approx(wanted.std, abs=1e-6)
    grey = wanted.over(1)
    assert (grey.mean, grey.std) == (pytest.approx([1.1 / 3]), pytest.approx([0.8 / 3]))
