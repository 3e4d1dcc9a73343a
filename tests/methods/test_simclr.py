import torch

from contraflow.config import Loss, Model
from contraflow.losses import ntxent
from contraflow.methods import METHODS


def test_loss_is_ntxent_of_the_projections_of_both_views_in_one_batch():
    torch.manual_seed(0)
    model = Model(encoder="small", width=8, projection_hidden=16, projection_dim=4)
    method = METHODS["simclr"](model, Loss(tau=0.3), 1, 28)
    views = torch.randn(2, 6, 1, 28, 28)
    projections = method.projection(method.encoder(torch.cat([views[0], views[1]])))
    torch.testing.assert_close(method(views), ntxent(projections[:6], projections[6:], 0.3))
