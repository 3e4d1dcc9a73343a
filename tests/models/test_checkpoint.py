from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from contraflow.foundations.errors import UserError
from contraflow.models.checkpoint import Checkpoint, load_encoder, load_model, save_model
from contraflow.models.encoders import build_encoder
from contraflow.models.heads import projection_head
from contraflow.models.settings import Model

MODEL = Model(encoder="small", width=8, norm="batch", projection_hidden=8, projection_dim=4, predictor_hidden=8)
MADE = Checkpoint(
    step="pretrain",
    params={"model": MODEL.model_dump(), "train": {"epochs": 1}},
    inputs={"data": "d" * 64},
    data="folder",
    channels=1,
    image_size=28,
    mean=[0.5],
    std=[0.25],
)


def method():
    """An encoder and a head, as every method has them."""
    encoder = build_encoder(MODEL, 1, 28)
    return nn.ModuleDict({"encoder": encoder, "projection": projection_head(encoder.dimension, 8, 4)})


def test_a_model_comes_back_as_it_was_and_equal_models_give_equal_bytes(tmp_path):
    model, other = method(), method()
    save_model(tmp_path / "a.safetensors", model, MADE)
    reordered = MADE.model_copy(update={"params": dict(reversed(MADE.params.items()))})
    save_model(tmp_path / "b.safetensors", model, reordered)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert load_model(tmp_path / "a.safetensors", other) == MADE
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_the_encoder_alone_gives_the_features_of_the_whole(tmp_path):
    model = method().eval()
    save_model(tmp_path / "a.safetensors", model, MADE)
    encoder, provenance = load_encoder(tmp_path / "a.safetensors")
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(encoder(images), model["encoder"](images))
    assert not encoder.training and provenance == MADE


def test_damaged_missing_and_foreign_files_are_named(tmp_path):
    file = tmp_path / "a.safetensors"
    with pytest.raises(UserError, match="is missing"):
        load_encoder(file)
    save_model(file, method(), MADE)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"a\.safetensors is damaged"):
        load_encoder(file)
    save_model(file, torch.nn.Linear(2, 2), MADE)
    with pytest.raises(UserError, match="another architecture"):
        load_model(file, method())


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=200)
def test_one_flipped_bit_anywhere_is_noticed(where, bit):
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.safetensors"
        save_model(file, torch.nn.Linear(3, 2), MADE)
        content = bytearray(file.read_bytes())
        content[int(where * len(content))] ^= 1 << bit
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.safetensors"):
            load_model(file, torch.nn.Linear(3, 2))
