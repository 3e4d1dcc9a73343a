"""Every method, where its encoders see a batch in parts, against the same that keeps the whole."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from contraflow.encoded.kin import Kin
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import WITH_SMALL_CROPS
from contraflow.views.batch import Batch


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exact(batch: Batch) -> Batch:
    """The batch in float64."""
    return replace(batch, views=batch.views.double(), taught=batch.taught.double())


def with_all(batch: Batch) -> Batch:
    """The batch in float64, its second views of other images, with all that only some methods take."""
    n = len(batch.index)
    return replace(
        exact(batch),
        partner=(batch.index + 1) % 40,
        labels=torch.stack([batch.labels, batch.labels.roll(1)]),
        local=draw(3, n, 1, 8, 8, seed=1),
        companions=torch.stack([batch.index.roll(1), (batch.index + 20) % 40]),
        companion_views=draw(2, n, 1, 16, 16, seed=2),
    )


def steps(method, batches):
    """Losses, embeddings and gradients of each step, and what is kept after the last."""
    found = []
    for number, batch in enumerate(batches):
        torch.manual_seed(number)
        method.zero_grad()
        output = method(batch)
        output.loss.backward()
        gradients = {name: p.grad.clone() for name, p in method.named_parameters() if p.grad is not None}
        found.append({"loss": output.loss.detach(), "embeddings": output.embeddings.detach(), "gradients": gradients})
        with torch.no_grad():
            for p in method.parameters():
                if p.grad is not None:
                    p.sub_(0.1 * p.grad)
    return found, method.state_dict()


def compared(method, batches, images):
    """What a method gives whole, and in parts."""
    parts = copy.deepcopy(method)
    parts.micro_batch = images
    return steps(method, batches), steps(parts, batches)


@pytest.mark.parametrize("norm", ["instance", "group"])
@pytest.mark.parametrize("weight", [0, 0.5])
@pytest.mark.parametrize("name", METHODS)
def test_loss_gradients_and_state_are_those_of_the_whole_batch(method_of, batch_of, name, weight, norm):
    """In three steps: queues are filled, momentum encoders have parted, draws have been made."""
    if name == "supervised" and weight:
        pytest.skip("is that already")
    loss = {"temperature": "learned", "triplet": "random", "cross_entropy": weight}
    policy = {"selection": "adaptive", "outer": 0.5}
    method = method_of(name, queue=13, loss=loss, negatives=policy, model={"norm": norm})
    batches = [exact(batch_of(step)) for step in range(3)]
    whole, parts = compared(method.double(), batches, 4)
    torch.testing.assert_close(parts, whole, rtol=1e-8, atol=1e-10)
    assert all(any(g.any() for g in step["gradients"].values()) for step in whole[0][1:])


@pytest.mark.parametrize("images", [2, 3, 5])
@pytest.mark.parametrize("name", WITH_SMALL_CROPS)
def test_so_it_is_with_small_crops_companions_and_views_of_other_images(method_of, batch_of, name, images):
    kin = [Kin(np.arange(40), 1)]
    method = method_of(name, kin=kin, model={"norm": "group"}, loss={"cross_entropy": 0.5}).double()
    whole, parts = compared(method, [with_all(batch_of(step)) for step in range(2)], images)
    torch.testing.assert_close(parts, whole, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", METHODS)
def test_batches_that_are_no_larger_than_a_part_give_the_same_bits(method_of, batch_of, name):
    """With BatchNorm, too."""
    whole, parts = compared(method_of(name), [batch_of(step) for step in range(2)], 6)
    torch.testing.assert_close(parts, whole, rtol=0, atol=0)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "moco"])
def test_with_batchnorm_running_statistics_move_once_a_part(method_of, batch_of, name):
    method = method_of(name)
    method.micro_batch = 2
    method(batch_of()).loss.backward()
    encoders = [method.encoder, *([method.momentum.encoder] if name in ("byol", "dino") else [])]
    assert [encoder[1].num_batches_tracked.item() for encoder in encoders] == [3] * len(encoders)
