import pytest
import torch
from torch import nn

from contraflow.foundations.errors import UserError
from contraflow.models.encoders import build_encoder
from contraflow.models.heads import projection_head
from contraflow.models.norms import SplitBatchNorm, SyncBatchNorm, dealt, set_norm, shared_groups
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


def test_split_batchnorm_is_batchnorm_of_each_group_with_mean_running_statistics():
    split, x = SplitBatchNorm.of(nn.BatchNorm2d(3)), torch.randn(6, 3, 4, 4)
    x += torch.arange(6).view(6, 1, 1, 1)
    apart = [nn.BatchNorm2d(3) for _ in range(3)]
    torch.testing.assert_close(split(x), torch.cat([norm(x[2 * i : 2 * i + 2]) for i, norm in enumerate(apart)]))
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(split, name), sum(getattr(norm, name) for norm in apart) / 3)
    plain = nn.BatchNorm2d(3)
    plain.load_state_dict(split.state_dict())
    assert torch.equal(split.eval()(x), plain.eval()(x)) and plain.num_batches_tracked == 1


@pytest.mark.parametrize(("images", "found"), [(2, 2), (6, 3), (16, 4), (96, 12), (100, 10), (128, 16), (512, 32)])
def test_no_two_images_of_a_group_are_in_one_group_again(images, found):
    assert shared_groups(images) == found
    before = torch.arange(images) // (images // found)
    for group in before[dealt(images)].view(found, -1):
        assert len(group.unique()) == len(group)


def test_groups_that_processes_cannot_share_are_refused(monkeypatch):
    monkeypatch.setattr("contraflow.models.norms.world_size", lambda: 8)
    with pytest.raises(UserError, match=r"train\.batch_size 96 makes 12 groups .* a multiple of the GPUs at work, 8"):
        shared_groups(96)
