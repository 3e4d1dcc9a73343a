"""Prototypes stay as they were drawn in the first epochs of pretraining, and in none of a later round."""

from itertools import pairwise

import pytest
import torch
from safetensors.torch import load_file

from contraflow.encoded.names import CARD
from contraflow.steps.mine.train_control import ControlTraining, train_control
from contraflow.training import loop


@pytest.mark.parametrize("frozen_epochs", [0, 1])
@pytest.mark.parametrize("name", ["swav", "dino"])
def test_prototypes_stay_as_long_as_they_are_told_to(
    monkeypatch, params_of, encoded, pretrained, tmp_path, name, frozen_epochs
):
    """The head before them learns all the time, the encoder after its own frozen epochs."""
    kept, keep = [], loop.save_state

    def keep_and_see(path, state):
        kept.append({name: tensor.clone() for name, tensor in state["method"].items()})
        keep(path, state)

    monkeypatch.setattr(loop, "save_state", keep_and_see)
    params = params_of(
        method={"name": name, "frozen_prototypes": 2},
        train={"epochs": 3, "frozen_epochs": frozen_epochs, "lr": 0.02, "knn_every": 0},
    )
    before = pretrained(params, encoded, tmp_path / "before")

    def moved(key):
        return [not torch.equal(a[key], b[key]) for a, b in pairwise(kept)]

    assert moved("projection.1.weight") == [False, True]
    assert moved("projection.0.0.weight") == moved("encoder.0.weight") == [True, True]
    files = {"encoder": tmp_path / "encoder.safetensors", "history": tmp_path / "history.csv"}
    files |= {"start": before / "encoder.safetensors", "before": before / "history.csv", "state": tmp_path / "state"}
    train_control(ControlTraining.of(params), data=encoded.folder / CARD, threads=1, **files)
    ends = [load_file(files[of])["projection.1.weight"] for of in ("start", "encoder")]
    assert not torch.equal(*ends)
