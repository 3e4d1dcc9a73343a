import re

import pytest
import torch
from safetensors.torch import save_file

from contraflow.commands.plain import plain_code, plain_weights
from contraflow.models.encoders import build_encoder
from contraflow.models.settings import Model

CASES = [
    *[("small", norm, channels, 28) for norm in ("batch", "sync", "instance", "group") for channels in (1, 3)],
    *[("resnet18", "batch", channels, 80) for channels in (1, 3)],
    *[("resnet18", "group", 3, 32), ("resnet18", "instance", 1, 32)],
    *[("vit_small", "batch", 1, 28), ("vit_small", "batch", 3, 80)],
]
CASES = [
    *[(*case, "average") for case in CASES],
    *[
        ("small", "batch", 1, 28, "linear"),
        ("small", "group", 3, 36, "quarters"),
        ("resnet18", "batch", 3, 36, "quarters"),
        ("resnet18", "group", 3, 36, "linear"),
        ("resnet18", "batch", 1, 80, "linear"),
    ],
]


@pytest.mark.parametrize(("name", "norm", "channels", "size", "pooling"), CASES)
def test_three_lines_rebuild_the_encoder(tmp_path, monkeypatch, name, norm, channels, size, pooling):
    model = Model(encoder=name, width=24, norm=norm, pooling=pooling)
    encoder = build_encoder(model, channels, size).train()
    images = torch.rand(4, channels, size, size) * 2
    encoder(images)  # moves the statistics
    save_file(plain_weights(encoder), tmp_path / "weights.safetensors")
    code, made = plain_code(encoder, model, "weights.safetensors"), {}
    assert "contraflow" not in code and len(re.split(r"\n\n", code)[1].splitlines()) == 3
    monkeypatch.chdir(tmp_path)
    exec(code, made)
    assert not made["encoder"].training
    with torch.inference_mode():
        torch.testing.assert_close(made["encoder"](images), encoder.eval()(images), atol=1e-5, rtol=1e-5)
