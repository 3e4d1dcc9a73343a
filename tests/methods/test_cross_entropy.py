"""The cross-entropy of a linear classifier beside each method, against one that is computed image by image."""

import copy
import math
import operator
from dataclasses import replace

import pytest
import torch

from contraflow.methods.parts.registry import METHODS

BESIDE = [name for name in METHODS if name != "supervised"]
WEIGHT = 0.7


def pair_of(method_of, name, **changes):
    """The method with the classifier and without, of equal state otherwise."""
    weighed, plain = (method_of(name, loss={"cross_entropy": w}, **changes) for w in (WEIGHT, 0))
    state = {key: tensor for key, tensor in weighed.state_dict().items() if not key.startswith("classifier.")}
    plain.load_state_dict(copy.deepcopy(state))
    return weighed, plain


def losses(methods, batch):
    """Of the same batch, with the same random numbers."""
    found = []
    for method in methods:
        torch.manual_seed(7)
        found.append(method(batch).loss)
    return found


def slow_cross_entropy(method, images, labels):
    """Mean of -log of the softmax of the right class over images (M, C, H, W), which go through the encoder together,
    of those with a label; one after the other, in Python's floats.
    """
    features = copy.deepcopy(method.encoder)(images)
    weight, bias = method.classifier.weight.double().tolist(), method.classifier.bias.double().tolist()
    costs = []
    for feature, label in zip(features.double().tolist()[: len(labels)], labels, strict=True):
        if label >= 0:
            scores = [b + sum(map(operator.mul, row, feature)) for row, b in zip(weight, bias, strict=True)]
            costs.append(math.log(sum(math.exp(s) for s in scores)) - scores[label])
    return sum(costs) / len(costs)


@pytest.mark.parametrize("name", BESIDE)
def test_the_loss_is_the_methods_and_the_weighted_cross_entropy_of_labelled_views(method_of, batch_of, name):
    batch = batch_of(0, n=8)
    assert 0 < (batch.labels >= 0).sum() < len(batch.labels)
    methods = pair_of(method_of, name, queue=16)
    seen = batch.views[:1] if name == "moco" else batch.views  # the other view is the momentum encoder's
    slow = slow_cross_entropy(methods[0], seen.flatten(0, 1), batch.labels.tolist() * len(seen))
    weighed, plain = losses(methods, batch)
    assert weighed.item() == pytest.approx(plain.item() + WEIGHT * slow, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", BESIDE)
def test_a_view_counts_by_the_label_of_the_image_that_it_shows(method_of, batch_of, name):
    batch = batch_of(0, n=8)
    other = torch.tensor([2, -1, 0, 1, -1, 2, 0, -1])
    batch = replace(batch, partner=batch.index.roll(1), labels=torch.stack([batch.labels, other]))
    methods = pair_of(method_of, name, queue=16)
    seen = batch.views[:1] if name == "moco" else batch.views
    slow = slow_cross_entropy(methods[0], seen.flatten(0, 1), batch.labels[: len(seen)].flatten().tolist())
    weighed, plain = losses(methods, batch)
    assert weighed.item() == pytest.approx(plain.item() + WEIGHT * slow, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", BESIDE)
def test_images_without_a_label_have_no_part(method_of, batch_of, name):
    batch = batch_of(0, n=8)
    unlabelled = replace(batch, labels=torch.full_like(batch.labels, -1))
    methods = pair_of(method_of, name, queue=16)
    weighed, plain = losses(methods, unlabelled)
    assert torch.equal(weighed, plain)
    weighed.backward()
    assert not methods[0].classifier.weight.grad.any()


def test_images_that_come_along_are_not_classified(method_of, batch_of):
    batch = batch_of(0)
    along = torch.randn(1, 6, 1, 16, 16, generator=torch.Generator().manual_seed(9))
    batch = replace(batch, companion_views=along, companions=(batch.index[None] + 1) % 40)
    methods = pair_of(method_of, "simclr")
    seen = torch.cat([*batch.views, *along])
    slow = slow_cross_entropy(methods[0], seen, batch.labels.tolist() * 2)
    weighed, plain = losses(methods, batch)
    assert weighed.item() == pytest.approx(plain.item() + WEIGHT * slow, rel=1e-5)


@pytest.mark.parametrize("name", BESIDE)
def test_its_gradients_reach_the_encoder_and_the_classifier(method_of, batch_of, name):
    batch, methods = batch_of(0, n=8), pair_of(method_of, name, queue=16)
    for loss in losses(methods, batch):
        loss.backward()
    weighed, plain = ([p.grad for p in method.encoder.parameters()] for method in methods)
    assert any(not torch.equal(a, b) for a, b in zip(weighed, plain, strict=True) if b is not None)
    assert methods[0].classifier.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", BESIDE)
def test_half_precision_is_finite(method_of, batch_of, name):
    method = method_of(name, loss={"cross_entropy": WEIGHT})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method(batch_of(0)).loss
    assert torch.isfinite(loss) and loss.dtype == torch.float32
