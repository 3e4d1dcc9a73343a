import pytest
import torch
from torch import nn

from contraflow.config import Model
from contraflow.models import build_encoder

KINDS = {"batch": nn.BatchNorm2d, "sync": nn.SyncBatchNorm, "instance": nn.InstanceNorm2d, "group": nn.GroupNorm}


@pytest.mark.parametrize("norm", KINDS)
@pytest.mark.parametrize("name", ["small", "resnet18"])
def test_every_normalisation_is_of_the_kind_asked_for(norm, name):
    model = Model(encoder=name, width=24, norm=norm, projection_hidden=8, projection_dim=8, predictor_hidden=8)
    encoder = build_encoder(model, 1, 28)
    found = {type(m) for m in encoder.modules() if "Norm" in type(m).__name__}
    assert found == {KINDS[norm]}
    assert torch.isfinite(encoder(torch.randn(2, 1, 28, 28))).all()


def test_group_and_instance_look_at_one_image_alone():
    for norm in ("group", "instance"):
        model = Model(encoder="small", width=8, norm=norm, projection_hidden=8, projection_dim=8, predictor_hidden=8)
        encoder, images = build_encoder(model, 1, 16).train(), torch.randn(3, 1, 16, 16)
        torch.testing.assert_close(encoder(images)[:1], encoder(images[:1]))
