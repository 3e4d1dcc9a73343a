"""SwAV against its definition, an image, a view and a prototype at a time."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F


def slow_loss(unit, prototypes, tau, epsilon, iterations):
    """By unit vectors (V, N, D) of which the first two are views, as the paper says it; a number with gradients."""
    scores = unit @ F.normalize(prototypes, dim=1).T
    images, count = scores.shape[1:]
    costs = []
    for assigned in (0, 1):
        shares = (scores[assigned].detach() / epsilon).exp()
        for _ in range(iterations):
            shares = shares / shares.sum(0, keepdim=True) / count
            shares = shares / shares.sum(1, keepdim=True) / images
        codes = shares * images
        for view in range(len(scores)):
            if view != assigned:
                for n in range(images):
                    logits = scores[view, n] / tau
                    costs.append(sum(codes[n, k] * (logits.logsumexp(0) - logits[k]) for k in range(count)))
    return sum(costs) / len(costs)


@pytest.mark.parametrize("crops", [0, 3])
def test_loss_and_gradients_are_those_of_swapped_prediction(method_of, batch_of, crops):
    changes = {"prototypes": 5, "sinkhorn_iterations": 4, "sinkhorn_epsilon": 0.1, "loss": {"tau": 0.3}}
    method, slow = (method_of("swav", **changes).double() for _ in range(2))
    batch = replace(batch_of(), views=batch_of().views.double())
    if crops:
        batch = replace(batch, local=torch.randn(crops, 6, 1, 8, 8, dtype=torch.float64))
    output = method(batch)
    output.loss.backward()
    head, last = slow.projection
    parts = [batch.views] if not crops else [batch.views, batch.local]
    z = torch.cat([head(slow.encoder(part.flatten(0, 1))).unflatten(0, part.shape[:2]) for part in parts])
    loss = slow_loss(F.normalize(z, dim=2), last.weight, 0.3, 0.1, 4)
    loss.backward()
    torch.testing.assert_close(output.loss, loss)
    for found, expected in zip(method.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)
    torch.testing.assert_close(output.embeddings.sum(2), torch.ones(2, 6, dtype=torch.float64))


def test_neither_the_length_of_embeddings_nor_that_of_prototypes_counts(method_of, batch_of):
    method, batch = method_of("swav", model={"projection": "none"}), batch_of()
    loss = method(batch).loss
    with torch.no_grad():
        method.projection[-1].weight.mul_(torch.rand(8, 1) + 0.5)
    torch.testing.assert_close(method(batch).loss, loss)


def test_small_crops_predict_and_are_not_predicted(method_of, batch_of):
    """The gradient of a crop's scores is that of the cross-entropy with both views' assignments."""
    method, batch = method_of("swav"), replace(batch_of(), local=torch.randn(2, 6, 1, 8, 8))
    plain, more = method_of("swav")(batch_of()), method(batch)
    assert more.loss.item() != pytest.approx(plain.loss.item(), rel=1e-4)
    torch.testing.assert_close(more.embeddings, plain.embeddings)


def test_a_collapse_is_no_way_to_a_small_loss(method_of, batch_of):
    """Images that are all alike are assigned evenly: at best that costs the logarithm of the number of prototypes."""
    method = method_of("swav", prototypes=4, sinkhorn_iterations=20)
    view = torch.randn(1, 1, 1, 16, 16).expand(2, 6, 1, 16, 16)
    loss = method(replace(batch_of(), views=view)).loss.item()
    assert loss >= math.log(4) - 1e-5
