"""BYOL, SimSiam, Barlow Twins and VICReg."""

import copy

import torch
import torch.nn.functional as F

from contraflow.losses.without_negatives import barlow_twins, vicreg


def test_byol_predicts_the_momentum_encoders_view_of_the_other(method_of, batch_of):
    method, batch = method_of("byol", momentum=[0.5, 1.0]), batch_of(0, progress=0.5)
    with torch.no_grad():
        for parameter in method.encoder.parameters():
            parameter.mul_(1.5)
    twin = copy.deepcopy(method)
    loss = method(batch).loss
    twin.momentum.follow(twin, 0.5)
    z = twin.projection(twin.encoder(batch.views.flatten(0, 1)))
    target = twin.momentum.projection(twin.momentum.encoder(batch.views.flatten(0, 1)))
    p, t = F.normalize(twin.predictor(z)), F.normalize(target)
    expected = (p - t.roll(6, 0)).square().sum(1).view(2, 6).mean(1).sum()
    torch.testing.assert_close(loss, expected)


def test_simsiam_stops_the_gradient_of_the_target(method_of, batch_of):
    method, batch = method_of("simsiam"), batch_of(0)
    method.predictor = torch.nn.Identity()
    projections = []
    method.projection.register_forward_hook(lambda module, inputs, output: projections.append(output))
    output = method(batch)
    grad = torch.autograd.grad(output.loss, projections[0])[0].unflatten(0, output.embeddings.shape[:2])
    z = output.embeddings.detach().requires_grad_()
    loss = -(F.cosine_similarity(z[0], z[1].detach()) + F.cosine_similarity(z[1], z[0].detach())).mean() / 2
    torch.testing.assert_close(output.loss, loss)
    torch.testing.assert_close(grad, torch.autograd.grad(loss, z)[0])


def test_barlow_twins_is_its_loss_on_the_projections(method_of, batch_of):
    output = method_of("barlow_twins", loss={"barlow_redundancy": 0.02})(batch_of(0))
    torch.testing.assert_close(output.loss, barlow_twins(*output.embeddings, 0.02))


def test_vicreg_is_its_loss_on_the_projections(method_of, batch_of):
    output = method_of("vicreg", loss={"vicreg": [9.0, 4.0, 2.0]})(batch_of(0))
    torch.testing.assert_close(output.loss, vicreg(*output.embeddings, (9, 4, 2)))
