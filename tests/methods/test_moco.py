import copy

import torch

from contraflow.losses.infonce import Stored, info_nce


def test_loss_is_info_nce_of_queries_and_momentum_keys_and_the_queue_follows(method_of, batch_of):
    method = method_of("moco", queue=9, loss={"tau": 0.3}, momentum=[0.9, 1.0])
    method(batch_of(0))
    with torch.no_grad():
        for parameter in method.encoder.parameters():
            parameter.mul_(1.5)
    frozen, batch = copy.deepcopy(method), batch_of(1, progress=0.0)
    output = method(batch)
    frozen.momentum.follow(frozen, 0.9)
    query = frozen.projection(frozen.encoder(batch.views[0]))
    key = frozen.momentum.projection(frozen.momentum.encoder(batch.views[1]))
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
    method = method_of("moco")
    before = [p.clone() for p in method.momentum.parameters()]
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.add_(1.0)
        for parameter in method.momentum.parameters():
            parameter.sub_(1.0)
    method.momentum.follow(method, 0.9)
    for old, new in zip(before, method.momentum.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.1)
