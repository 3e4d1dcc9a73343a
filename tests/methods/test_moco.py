import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from contraflow.losses.infonce import Stored, info_nce
from contraflow.models import norms
from contraflow.models.encoders import build_encoder
from contraflow.views.batch import Batch


def embedded(encoder, projection, model, images, groups):
    """What an encoder with ordinary BatchNorm gives that is shown one group of images after the other."""
    plain = build_encoder(model, 1, 16).train()
    plain.load_state_dict(encoder.state_dict())
    found = torch.cat([projection(plain(images[group])) for group in groups])
    return found[torch.cat(groups).argsort()]


def test_loss_is_info_nce_of_queries_and_momentum_keys_and_the_queue_follows(method_of, settings_of, batch_of):
    method = method_of("moco", queue=9, loss={"tau": 0.3}, momentum=[0.9, 1.0])
    method(batch_of(0))
    with torch.no_grad():
        for parameter in method.encoder.parameters():
            parameter.mul_(1.5)
    frozen, batch = copy.deepcopy(method), batch_of(1, progress=0.0)
    output = method(batch)
    frozen.momentum.follow(frozen, 0.0)
    model, momentum = settings_of("moco").model, frozen.momentum
    pairs = torch.tensor([[0, 1], [2, 3], [4, 5]]), torch.tensor([[0, 2], [4, 1], [3, 5]])
    query = embedded(frozen.encoder, frozen.projection, model, batch.views[0], list(pairs[0]))
    key = embedded(momentum.encoder, momentum.projection, model, batch.views[1], list(pairs[1]))
    stored = Stored(frozen.queue.keys, frozen.queue.index)
    torch.testing.assert_close(output.loss, info_nce(query, key, stored, 0.3, index=batch.index))
    assert method.queue.index.tolist() == [*batch.index[3:], *batch_of(0).index[3:], *batch.index[:3]]
    torch.testing.assert_close(method.queue.keys[:3], key[3:])


def test_the_same_images_again_meet_no_key_of_their_own(method_of, batch_of):
    method = method_of("moco", queue=6)
    assert method(batch_of(0)).loss.item() == 0  # the queue is empty
    assert method(batch_of(0)).loss.item() > 0  # it holds the other images' keys
    one = method_of("moco", queue=6)
    batch = batch_of(0)
    same = type(batch)(batch.views, torch.full_like(batch.index, 7), batch.labels, 0.0)
    one(same)
    assert one(same).loss.item() == 0  # all keys are of the anchors' own image


def test_the_momentum_encoder_follows_along_its_schedule(method_of):
    method = method_of("moco", momentum=[0.8, 1.0])
    before = [p.clone() for p in method.momentum.parameters()]
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.add_(1.0)
        for parameter in method.momentum.parameters():
            parameter.sub_(1.0)
    method.momentum.follow(method, 0.5)
    for old, new in zip(before, method.momentum.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.1)


def test_the_projection_head_normalises_nothing(method_of):
    assert not [m for m in method_of("moco").projection if "Norm" in type(m).__name__]


@pytest.mark.parametrize(("how", "leaks"), [("whole batch", True), ("shuffled", True), ("dealt", False)])
def test_an_own_key_is_found_no_better_where_it_came_in_the_batch_of_its_query(
    method_of, monkeypatch, request, how, leaks
):
    """The share of queries whose own key is more similar than all of the queue (section 3.3), where keys are embedded
    as in training and where each is embedded with images of 63 other batches.

    Batch by batch the two are compared on the same queries and keys. A random order of the keys lessens the fall only.
    """
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(1)  # two are many times slower where other processes are busy
    if how == "whole batch":
        monkeypatch.setattr(norms, "groups", lambda images: 1)
    elif how == "shuffled":
        monkeypatch.setattr(norms, "groups", lambda images: 8)
        monkeypatch.setattr("contraflow.methods.moco.dealt", torch.randperm)
    method = method_of(
        "moco",
        queue=512,
        momentum=[0.99, 1.0],
        loss={"tau": 0.1},
        model={"projection_hidden": 64, "projection_dim": 32},
    )
    generator = torch.Generator().manual_seed(0)
    images = F.interpolate(torch.randn(64 * 64, 1, 4, 4, generator=generator), 16, mode="bilinear")

    def batch(index):
        return Batch(images[index] + torch.randn(2, len(index), 1, 16, 16, generator=generator), index)

    optimiser = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
    for _ in range(500):
        loss = method(batch(torch.randperm(len(images), generator=generator)[:64])).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = []
    with torch.no_grad():
        for _ in range(4):
            batches = [batch(index) for index in torch.randperm(len(images), generator=generator).view(64, 64)]
            views = torch.stack([b.views[1] for b in batches])
            together = torch.stack([method.keys(view[None])[0] for view in views])
            apart = torch.stack([method.keys(view[None])[0] for view in views.transpose(0, 1)], dim=1)
            for b, *keys in zip(batches, together, apart, strict=True):
                query = F.normalize(method.embed(method.features(b.views[:1]))[0])
                others = query @ F.normalize(method.queue.keys).T
                nearest = others.masked_fill(b.index[:, None] == method.queue.index, -1).amax(1)
                found.append([((query * F.normalize(key)).sum(1) > nearest).double().mean() for key in keys])
    together, apart = torch.tensor(found).T
    fall, error = (together - apart).mean(), (together - apart).std() / len(found) ** 0.5
    assert apart.mean() > 0.2 and error < 0.006  # enough is found, and measured finely enough, for a fall to show
    assert fall > 4 * error if leaks else fall < 3 * error
