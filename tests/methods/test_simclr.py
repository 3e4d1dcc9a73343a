from dataclasses import replace
from statistics import fmean

import pytest
import torch

from contraflow.losses.ntxent import ntxent
from contraflow.methods.parts.slots import MinedSlots


def test_loss_is_ntxent_of_the_projections_of_both_views_in_one_batch(method_of, batch_of):
    method, batch = method_of("simclr", loss={"tau": 0.3}), batch_of()
    output = method(batch)
    z1, z2 = method.projection(method.encoder(torch.cat([*batch.views]))).chunk(2)
    torch.testing.assert_close(output.loss, ntxent(z1, z2, 0.3))
    torch.testing.assert_close(output.embeddings, torch.stack([z1, z2]))


def test_small_crops_are_pulled_to_both_views(method_of, batch_of):
    method, batch = method_of("simclr", loss={"tau": 0.3}), batch_of()
    small = torch.randn(3, 6, 1, 8, 8)
    output = method(replace(batch, local=small))
    z1, z2 = method.embed(batch.views)
    pairs = [(z1, z2), *((z, crop) for z in (z1, z2) for crop in method.embed(small))]
    assert output.loss.item() == pytest.approx(fmean(ntxent(*pair, 0.3).item() for pair in pairs), rel=1e-5)
    torch.testing.assert_close(output.embeddings, torch.stack([z1, z2]))


def test_companions_are_negatives_of_every_other_image(method_of, batch_of):
    """An anchor at a time: the positive against all other views and all companions but those of the anchor's image."""
    method, batch = method_of("simclr", loss={"tau": 0.3}), batch_of()
    along, index = torch.randn(2, 6, 1, 16, 16), torch.stack([batch.index.roll(1), torch.arange(6) + 40])
    output = method(replace(batch, companions=along, companion_index=index))
    images = torch.cat([*batch.views, *along])
    z = torch.nn.functional.normalize(method.projection(method.encoder(images)))
    whose = torch.cat([batch.index, batch.index, *index]).tolist()
    losses = []
    for i in range(12):
        positive = (i + 6) % 12
        keys = [j for j in range(24) if j != i and (j == positive or whose[j] != whose[i])]
        logits = torch.stack([z[i] @ z[j] for j in keys]) / 0.3
        losses.append(torch.logsumexp(logits, 0).item() - (z[i] @ z[positive]).item() / 0.3)
    assert output.loss.item() == pytest.approx(fmean(losses), rel=1e-5)
    assert output.embeddings.shape == (2, 6, 8)


def test_slots_of_mined_negatives_are_negatives_of_every_other_image_and_then_move(method_of, batch_of):
    method, batch = method_of("simclr", loss={"tau": 0.3}), batch_of()
    start, mined = torch.nn.functional.normalize(torch.randn(40, 8)), torch.randint(40, (40, 3))
    mined[batch.index[0], 0] = batch.index[1]
    method.slots = MinedSlots(3 * start, 0.75, mined)
    output = method(batch)
    whose = mined[batch.index].flatten()
    z = output.embeddings.detach()
    torch.testing.assert_close(output.loss, ntxent(*z, 0.3, index=batch.index, others=(start[whose], whose)))
    seen = torch.nn.functional.normalize(torch.nn.functional.normalize(z, dim=2).mean(0))
    expected = start.clone()
    expected[batch.index] = torch.nn.functional.normalize(0.75 * start[batch.index] + 0.25 * seen)
    torch.testing.assert_close(method.slots.vectors, expected)
