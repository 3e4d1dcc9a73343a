"""Features, gradients, statistics and memory of an encoder that sees a batch in parts, against one that keeps all."""

import copy
import weakref

import pytest
import torch

from contraflow.models.cached import in_parts
from contraflow.models.encoders import build_encoder
from contraflow.models.settings import Model

EXACT = {  # an image's features depend on no other image
    "instance": Model(width=8, norm="instance"),
    "group": Model(width=8, norm="group"),
    "linear": Model(width=8, norm="group", pooling="linear"),
    "resnet18": Model(encoder="resnet18", norm="group"),
    "vit_small": Model(encoder="vit_small"),
    "timm": Model(encoder="timm/test_vit", weights="any.safetensors"),
}


@pytest.fixture(scope="module")
def views():
    return torch.randn(2, 6, 1, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture(scope="module")
def encoder_of():
    def make(model=EXACT["group"], dtype=torch.float64):
        torch.manual_seed(0)
        return build_encoder(model, 1, 16).to(dtype).train()

    return make


def loss_of(features):
    """One in which every image meets every other."""
    flat = features.flatten(0, 1)
    return (flat @ flat.T).div(features.shape[2]).tanh().mean() + features.pow(3).mean()


def step(encoder, views, images):
    """The features, loss and gradients of one step."""
    features = in_parts(encoder, views, images)
    loss = loss_of(features)
    loss.backward()
    return {"features": features.detach(), "loss": loss.detach(), "gradients": [p.grad for p in encoder.parameters()]}


def one_after_the_other(encoder, views, images):
    """The features of each part, all of which are kept."""
    return torch.cat([in_parts(encoder, part, None) for part in views.split(images, dim=1)], dim=1)


@pytest.mark.parametrize("images", [1, 4, 7])
@pytest.mark.parametrize("name", EXACT)
def test_features_loss_and_gradients_are_those_of_the_whole_batch(encoder_of, views, name, images):
    encoder = encoder_of(EXACT[name])
    whole, parts = (step(copy.deepcopy(encoder), views, some) for some in (None, images))
    torch.testing.assert_close(parts, whole, rtol=1e-9, atol=1e-12)
    assert all(gradient.any() for gradient in whole["gradients"])


@pytest.mark.parametrize("norm", ["batch", "sync"])
def test_batchnorm_takes_statistics_of_each_part_and_moves_its_own_once(encoder_of, views, norm):
    encoder, kept = (encoder_of(Model(width=8, norm=norm)) for _ in range(2))
    found = step(encoder, views, 4)
    features = one_after_the_other(kept, views, 4)
    loss_of(features).backward()
    torch.testing.assert_close(found["features"], features.detach())
    for mine, other in zip(encoder.parameters(), kept.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-9, atol=1e-12)
    buffers = dict(encoder.named_buffers())
    assert buffers["1.num_batches_tracked"] == 2
    torch.testing.assert_close(buffers, dict(kept.named_buffers()), rtol=0, atol=0)


def test_in_half_precision_a_part_is_seen_the_same_twice_and_sums_are_exact(encoder_of, views):
    """Its gradient is that of the features in half precision, and the parts' are added in float32."""
    encoder, kept = (encoder_of(dtype=torch.float32) for _ in range(2))
    views = views.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = in_parts(encoder, views, 2)
    weights = torch.randn(features.shape, generator=torch.Generator().manual_seed(2)).bfloat16()
    features.backward(weights)
    for part, weight in zip(views.split(2, dim=1), weights.split(2, dim=1), strict=True):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            alone = in_parts(kept, part, None)
        assert alone.dtype == torch.bfloat16
        alone.backward(weight)  # PyTorch adds to the gradients that are there
    for mine, other in zip(encoder.parameters(), kept.parameters(), strict=True):
        assert mine.grad.dtype == torch.float32
        torch.testing.assert_close(mine.grad, other.grad)


def test_gradients_scale_with_the_loss(encoder_of, views):
    """As a gradient scaler needs it."""
    plain, scaled = encoder_of(), encoder_of()
    loss_of(in_parts(plain, views, 4)).backward()
    (1024 * loss_of(in_parts(scaled, views, 4))).backward()
    for mine, other in zip(plain.parameters(), scaled.parameters(), strict=True):
        assert torch.equal(1024 * mine.grad, other.grad)


def test_without_gradients_nothing_is_kept_and_weights_that_learn_nothing_get_none(encoder_of, views):
    encoder = encoder_of()
    with torch.no_grad():
        assert not in_parts(encoder, views, 4).requires_grad
    first = next(encoder.parameters()).requires_grad_(False)
    loss_of(in_parts(encoder, views, 4)).backward()
    assert first.grad is None and all(p.grad is not None for p in list(encoder.parameters())[1:])


class Kept:
    """A tensor that autograd keeps for a backward pass."""

    def __init__(self, tensor):
        self.tensor = tensor


def peak_of(function):
    """The most bytes that autograd keeps at a time while `function` runs forward and backward."""
    sizes = [0]  # after each tensor that came or went

    def pack(tensor):
        kept, size = Kept(tensor), tensor.numel() * tensor.element_size()
        sizes.append(sizes[-1] + size)
        weakref.finalize(kept, lambda: sizes.append(sizes[-1] - size))
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept.tensor):
        function()
    assert sizes[-1] == 0
    return max(sizes)


def test_memory_is_that_of_a_part_whatever_the_batch(encoder_of):
    encoder = encoder_of()

    def peak(batch, images):
        views = torch.randn(2, batch, 1, 16, 16, dtype=torch.float64)
        return peak_of(lambda: in_parts(encoder, views, images).sum().backward())

    part = peak(4, None)
    assert peak(8, 4) == peak(64, 4) == part
    assert peak(64, None) > 10 * part
