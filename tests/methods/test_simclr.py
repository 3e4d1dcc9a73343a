import torch

from contraflow.losses import ntxent


def test_loss_is_ntxent_of_the_projections_of_both_views_in_one_batch(method_of, batch_of):
    method, batch = method_of("simclr", loss={"tau": 0.3}), batch_of()
    output = method(batch)
    z1, z2 = method.projection(method.encoder(torch.cat([*batch.views]))).chunk(2)
    torch.testing.assert_close(output.loss, ntxent(z1, z2, 0.3))
    torch.testing.assert_close(output.embeddings, torch.stack([z1, z2]))
