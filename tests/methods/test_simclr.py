from dataclasses import replace
from statistics import fmean

import pytest
import torch

from contraflow.losses import ntxent


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
