"""Trained encoders, without the training."""

from pathlib import Path

import pytest
import torch
from torch import nn

from contraflow.config import Model
from contraflow.models import build_encoder, projection_head
from contraflow.models.checkpoint import save_model

MODEL = {"width": 8, "norm": "batch", "projection_hidden": 8, "projection_dim": 4, "predictor_hidden": 8}


@pytest.fixture(scope="session")
def checkpoint_of():
    """`checkpoint_of(path, channels=3)`: a checkpoint as a training leaves it, its BatchNorms moved from the start."""

    def make(path: Path, *, encoder="small", norm="batch", channels=1, image_size=16, data="d" * 64, **more) -> Path:
        torch.manual_seed(0)
        model = Model(**MODEL | {"encoder": encoder, "norm": norm})
        network = build_encoder(model, channels, image_size).train()
        for _ in range(3):
            network(torch.rand(8, channels, image_size, image_size) * 3)
        provenance = {
            "step": "mine",
            "code": "c" * 64,
            "seed": 0,
            "round": 2,
            "params": {"model": model.model_dump(), "method": {"name": "simclr"}},
            "inputs": {"data": data},
            **{"data": "folder", "channels": channels, "image_size": image_size},
            **{"mean": [0.5, 0.4, 0.3][:channels], "std": [0.2, 0.25, 0.3][:channels]},
        }
        heads = {"encoder": network, "projection": projection_head(network.dimension, 8, 4)}
        save_model(path, nn.ModuleDict(heads), provenance | more)
        return path

    return make
