"""DINO against its definition, an image, a view and an output at a time."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

SHARP = {"tau": 0.3, "teacher_tau": [0.05, 0.2], "teacher_warmup": 0.4}


def outputs(encoder, projection, views):
    head, last = projection
    z = head(encoder(views.flatten(0, 1)))
    return (F.normalize(z, dim=1) @ F.normalize(last.weight, dim=1).T).unflatten(0, views.shape[:2])


def slow_loss(student, taught, centre, tau, teacher_tau):
    costs = []
    for t in range(len(taught)):
        for v in range(len(student)):
            if v != t:
                for wanted, said in zip(taught[t], student[v], strict=True):
                    target, logits = ((wanted - centre) / teacher_tau).softmax(0), said / tau
                    costs.append((target * (logits.logsumexp(0) - logits)).sum())
    return sum(costs) / len(costs)


@pytest.mark.parametrize(("progress", "teacher_tau"), [(0.0, 0.05), (0.2, 0.125), (0.4, 0.2), (0.9, 0.2)])
@pytest.mark.parametrize("crops", [0, 3])
def test_loss_and_gradients_are_those_of_its_definition(method_of, batch_of, crops, progress, teacher_tau):
    method = method_of("dino", prototypes=5, momentum=[0.6, 1.0], centring=0.8, loss=SHARP).double()
    with torch.no_grad():
        for parameter in method.encoder.parameters():
            parameter.mul_(1.5)
        method.centre.copy_(torch.linspace(-1, 1, 5))
    slow = copy.deepcopy(method)
    batch = replace(batch_of(), views=batch_of().views.double(), progress=progress)
    if crops:
        batch = replace(batch, local=torch.randn(crops, 6, 1, 8, 8, dtype=torch.float64))
    output = method(batch)
    output.loss.backward()
    slow.momentum.follow(slow, progress)
    with torch.no_grad():
        taught = outputs(slow.momentum.encoder, slow.momentum.projection, batch.views)
    parts = [batch.views] if not crops else [batch.views, batch.local]
    student = torch.cat([outputs(slow.encoder, slow.projection, part) for part in parts])
    loss = slow_loss(student, taught, slow.centre, 0.3, teacher_tau)
    loss.backward()
    torch.testing.assert_close(output.loss, loss)
    for (name, found), expected in zip(method.named_parameters(), slow.parameters(), strict=True):
        assert (found.grad is None) == name.startswith("momentum.")
        torch.testing.assert_close(found.grad, expected.grad)
    torch.testing.assert_close(method.centre, 0.8 * slow.centre + 0.2 * taught.mean((0, 1)))
    torch.testing.assert_close(output.embeddings, ((taught - slow.centre) / teacher_tau).softmax(-1))


def test_the_teacher_has_prototypes_of_its_own_which_follow(method_of, batch_of):
    method = method_of("dino", momentum=[0.9, 1.0])
    before = method.momentum.projection[-1].weight.clone()
    with torch.no_grad():
        method.projection[-1].weight.add_(1.0)
    method(batch_of())
    torch.testing.assert_close(method.momentum.projection[-1].weight, before + 0.1)


def test_a_teacher_that_knows_nothing_asks_for_nothing(method_of, batch_of):
    """Its outputs at their centre, all images alike: the loss is that of uniform targets."""
    method = method_of("dino", loss=SHARP)
    view = torch.randn(1, 1, 1, 16, 16).expand(2, 6, 1, 16, 16)
    batch = replace(batch_of(), views=view)
    with torch.no_grad():
        method.centre.copy_(method.momentum.embed(batch.views, None)[0, 0])
    output = method(batch)
    logits = outputs(method.encoder, method.projection, batch.views) / 0.3
    torch.testing.assert_close(output.embeddings, torch.full((2, 6, 8), 1 / 8))
    torch.testing.assert_close(output.loss, (logits.logsumexp(-1) - logits.mean(-1)).mean())
