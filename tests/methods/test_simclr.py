from dataclasses import replace
from statistics import fmean

import pytest
import torch

from contraflow.losses.ntxent import ntxent


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
    z1, z2 = method.embed(method.features(batch.views))
    crops = method.embed(method.features(small))
    pairs = [(z1, z2), *((z, crop) for z in (z1, z2) for crop in crops)]
    assert output.loss.item() == pytest.approx(fmean(ntxent(*pair, 0.3).item() for pair in pairs), rel=1e-5)
    torch.testing.assert_close(output.embeddings, torch.stack([z1, z2]))


def test_companions_are_negatives_of_every_other_image(method_of, batch_of):
    """An anchor at a time: the positive against all other views and all companions but those of the anchor's image."""
    method, batch = method_of("simclr", loss={"tau": 0.3}), batch_of()
    along, index = torch.randn(2, 6, 1, 16, 16), torch.stack([batch.index.roll(1), torch.arange(6) + 40])
    output = method(replace(batch, companion_views=along, companions=index))
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


def test_stored_vectors_are_negatives_of_every_other_image(method_of, batch_of):
    method, batch = method_of("simclr", loss={"tau": 0.3}), batch_of()
    vectors, whose = torch.randn(18, 8), torch.randint(40, (18,))
    whose[0] = batch.index[1]
    output = method(replace(batch, slots=vectors, slot_index=whose))
    z = output.embeddings.detach()
    torch.testing.assert_close(output.loss, ntxent(*z, 0.3, index=batch.index, others=(vectors, whose)))
