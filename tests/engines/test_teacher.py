"""What only a built teacher can tell is told before the first job."""

import sys

import pytest
import torch

from contraflow.engines.encoder import require_teacher
from contraflow.foundations.errors import UserError
from contraflow.models.encoders import build_encoder
from contraflow.models.settings import Model

NETS = """
from torch import nn

def build(channels, image_size):
    return nn.Sequential(nn.Conv2d(channels, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""


@pytest.fixture
def require(tmp_path, monkeypatch, params_of, checkpoint_of):
    """`require(teacher="a.safetensors")`: whether a run is allowed where several files of weights lie; keywords are of
    `method`, or sections."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taught_nets.py").write_text(NETS)
    monkeypatch.delitem(sys.modules, "taught_nets", raising=False)
    for name, more in {
        "grey": {},
        "colour": {"channels": 3},
        "resnet": {"encoder": "resnet18", "image_size": 32},
    }.items():
        checkpoint_of(tmp_path / f"{name}.safetensors", **more)
    made = {}
    exec(NETS, made)
    torch.save(made["build"](1, 16).state_dict(), "own.pth")
    torch.save(build_encoder(Model(encoder="timm/test_vit"), 3, 16).network.state_dict(), "vit.pth")

    def make(train=None, model=None, data=None, **method):
        sections = {"train": train or {}, "model": model or {}, "data": {"path": "images"} | (data or {})}
        return require_teacher(tmp_path, params_of(method={"name": "distil"} | method, **sections))

    return make


@pytest.mark.parametrize(
    "changes",
    [
        {"teacher": "grey.safetensors"},
        {"teacher": "grey.safetensors", "data": {"image_size": 32}},
        {"teacher": "colour.safetensors"},
        {"teacher": "resnet.safetensors"},
        {"teacher": "vit.pth", "teacher_encoder": "timm/test_vit"},
        {"teacher": "own.pth", "teacher_encoder": "taught_nets:build", "model": {"code": "taught_nets.py"}},
        {"teacher": "grey.safetensors", "model": {"width": 10}, "train": {"frozen_epochs": 1, "epochs": 2}},
    ],
)
def test_encoders_that_the_pipeline_knows_can_teach(require, changes):
    require(**changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"teacher": "none.pth"}, "method.teacher must be a file of weights, got none.pth, where there is none"),
        ({"teacher": "taught_nets.py"}, "method.teacher taught_nets.py is damaged, or no file of torch.save"),
        (
            {"teacher": "vit.pth"},
            "method.teacher_encoder must say of which encoder vit.pth is, which does not say so itself, as what "
            "contraflow writes would; got null",
        ),
        (
            {"teacher": "vit.pth", "teacher_encoder": "timm/test_vit9"},
            "method.teacher_encoder timm/test_vit9 is no network of timm; close to it: test_vit",
        ),
        (
            {"teacher": "vit.pth", "teacher_encoder": "timm/test_resnet", "data": {"image_size": 32}},
            "method.teacher vit.pth does not fit method.teacher_encoder: of its tensors",
        ),
        (
            {"teacher": "vit.pth", "teacher_encoder": "timm/test_vit", "data": {"image_size": 32}},
            "method.teacher vit.pth does not fit method.teacher_encoder: of its tensors 1 of another shape (pos_embed",
        ),
        (
            {"teacher": "own.pth", "teacher_encoder": "taught_nets:build"},
            "model.code must be taught_nets.py, or a folder around it, where method.teacher_encoder is",
        ),
        (
            {"teacher": "grey.safetensors", "train": {"frozen_epochs": 1, "epochs": 2}},
            "train.frozen_epochs must be 0 where the encoder's features are as long as those of method.teacher, 64: no "
            "layer between them could learn alone; got 1",
        ),
    ],
)
def test_what_cannot_teach_is_one_sentence(require, changes, says):
    with pytest.raises(UserError) as found:
        require(**changes)
    assert says in str(found.value) and "\n" not in str(found.value)
