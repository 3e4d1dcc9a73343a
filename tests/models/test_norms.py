import pytest
import torch
from torch import nn

from contraflow.models.encoders import build_encoder
from contraflow.models.heads import projection_head
from contraflow.models.norms import SyncBatchNorm, set_norm
from contraflow.models.settings import Model

KINDS = {"batch": nn.BatchNorm2d, "sync": SyncBatchNorm, "instance": nn.InstanceNorm2d, "group": nn.GroupNorm}


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


@pytest.mark.parametrize(("layer", "shape"), [(nn.BatchNorm1d(3), (5, 3)), (nn.BatchNorm2d(3), (5, 3, 4, 4))])
def test_shared_batchnorm_in_one_process_is_batchnorm_bit_for_bit(layer, shape):
    found = []
    for norm in (SyncBatchNorm.of(layer), layer):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
        y = norm.train()(x)
        y.square().sum().backward()
        found.append([y, x.grad, norm.weight.grad, *norm.state_dict().values(), norm.eval()(x)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("norm", ["sync", "instance", "group"])
def test_vectors_keep_batchnorm_over_all_gpus(norm):
    head = set_norm(projection_head(4, 6, 2), norm)
    assert [type(m) for m in head if "Norm" in type(m).__name__] == [SyncBatchNorm]
