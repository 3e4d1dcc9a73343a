"""CLIP and SigLIP: their losses on what both encoders make, and the scale."""

import math
from dataclasses import replace

import pytest
import torch

from contraflow.losses.image_text import clip, siglip
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import WITH_TEXTS

LEARNED = {"temperature": "learned", "tau": 0.2}


def test_who_needs_texts_is_who_is_listed():
    assert {name for name, method in METHODS.items() if method.needs_texts} == set(WITH_TEXTS)


@pytest.mark.parametrize("name", WITH_TEXTS)
def test_each_view_is_compared_with_the_same_text(method_of, batch_of, name):
    method, batch = method_of(name, loss=LEARNED), batch_of(0)
    output = method(batch)
    texts = method.text(batch.texts)
    views = method.embed(method.features(batch.views))
    bias = () if name == "clip" else (method.bias,)
    loss = {"clip": clip, "siglip": siglip}[name]
    expected = sum(loss(view, texts, torch.tensor(0.2), *bias) for view in views) / 2
    torch.testing.assert_close(output.loss, expected)
    torch.testing.assert_close(output.embeddings, torch.stack([views[0], texts]))


@pytest.mark.parametrize("name", WITH_TEXTS)
def test_another_text_is_another_loss_and_both_encoders_learn(method_of, batch_of, name):
    method, batch = method_of(name), batch_of(0)
    loss = method(batch).loss
    loss.backward()
    assert method.text.tokens.weight.grad.abs().sum() > 0 and method.encoder.state_dict()
    other = replace(batch, texts=batch.texts.flip(0))
    assert method(other).loss != loss


def test_the_scale_is_at_most_100_and_can_leave_the_bound(method_of):
    scale = method_of("clip", loss=LEARNED).scale
    assert scale().item() == pytest.approx(5)
    with torch.no_grad():
        scale.w.fill_(math.log(1000))
    found = scale()
    assert found.item() == pytest.approx(100)
    found.backward()
    assert scale.w.grad.item() == pytest.approx(100)  # a clamp in the forward pass alone would give none


def test_a_fixed_scale_is_no_weight(method_of):
    method = method_of("clip", loss={"temperature": "fixed", "tau": 0.1})
    assert method.scale().item() == pytest.approx(10)
    assert not list(method.scale.parameters()) and not any("scale" in name for name in method.state_dict())


def test_the_bias_starts_where_all_pairs_seem_false(method_of):
    assert method_of("siglip").bias.item() == -10
