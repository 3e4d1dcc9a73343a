"""Mined negatives beside a batch, with each method that has negatives: who is compared with whom, and as what."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contraflow.encoded.kin import Kin
from contraflow.methods.parts.comparing import Comparing
from contraflow.methods.parts.registry import METHODS
from contraflow.methods.parts.settings import WITH_TEXTS, WITHOUT_NEGATIVES

IMAGES = 40
NAMES = [name for name in METHODS if name not in WITHOUT_NEGATIVES]
WAYS = [
    (name, use)
    for name in NAMES
    for use in ("forward", "stored")
    if use == "forward" or name not in ("nnclr", *WITH_TEXTS)
]


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def with_mined(method, batch, use, whose):
    """The batch with mined negatives (m, N): images in a view each, or as vectors (m N, D) such as the method's."""
    if use == "forward":
        texts = torch.zeros(*whose.shape, 8, dtype=torch.long)
        texts[..., 0], texts[..., 1] = 1 + whose % 29, 1 + whose // 29  # of another image another
        return replace(batch, companions=whose, companion_views=draw(*whose.shape, 1, 16, 16), companion_texts=texts)
    return replace(batch, slots=draw(whose.numel(), method.dimension), slot_index=whose.flatten())


def compared(method):
    """All comparisons that reach the method's policy for negatives from now on."""
    found = []
    method.negatives.register_forward_pre_hook(lambda _, arguments: found.append(arguments[0]))
    return found


def test_what_has_no_negatives_is_what_compares_nothing():
    assert {name for name, method in METHODS.items() if not issubclass(method, Comparing)} == set(WITHOUT_NEGATIVES)


@pytest.mark.parametrize("partners", [False, True])
@pytest.mark.parametrize(("name", "use"), WAYS)
@given(data=st.data())
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_they_are_negatives_of_all_but_their_kin_and_positives_of_none(method_of, batch_of, name, use, partners, data):
    """Pair by pair, in groups that hypothesis draws; an image that has none brings itself."""
    groups = np.array(data.draw(st.lists(st.integers(0, 7), min_size=IMAGES, max_size=IMAGES)))
    m = data.draw(st.integers(1, 3))
    method = method_of(name, kin=[Kin(groups)], queue=9)
    found = compared(method)
    for step in range(2):  # queues hold something then
        batch = batch_of(data.draw(st.integers(0, 1000)))
        others = data.draw(st.lists(st.integers(0, IMAGES - 1), min_size=6 * m, max_size=6 * m))
        whose = torch.tensor(others).view(m, 6)
        whose[0, 0] = batch.index[0]
        if partners:
            of_same = Kin(groups).partners(np.arange(IMAGES), seed=0, epoch=step)
            batch = replace(batch, partner=torch.from_numpy(of_same)[batch.index])
        found.clear()
        assert method(with_mined(method, batch, use, whose)).loss.isfinite()
        assert found
        for comparison in found:
            assert comparison.key_index[-6 * m :].tolist() == whose.flatten().tolist()
            for row, anchor in enumerate(comparison.anchor_index.tolist()):
                assert anchor >= 0
                for column, other in enumerate(whose.flatten().tolist(), len(comparison.key_index) - 6 * m):
                    assert not comparison.positive[row, column]
                    assert comparison.negative[row, column] == (groups[anchor] != groups[other])


@pytest.mark.parametrize("images", [None, 4])
@pytest.mark.parametrize("name", NAMES)
def test_an_image_that_comes_along_is_compared_as_it_is_embedded_alone(method_of, batch_of, name, images):
    """By the momentum encoder, whose keys learn nothing, or by the encoder, which learns from it."""
    method = method_of(name, model={"norm": "group"}, queue=9)
    method.micro_batch = images
    for part in (method.projection, getattr(method, "predictor", method.projection)):
        part.eval()  # BatchNorm of vectors would make of each what the others are
    found, batch = compared(method), with_mined(method, batch_of(), "forward", torch.arange(12).view(2, 6))
    embedding = method.momentum if name == "moco" else method
    alone = [embedding.projection(embedding.encoder(view[None])) for view in batch.companion_views.flatten(0, 1)]
    if name == "nnclr":
        alone = [method.predictor(z) for z in alone]
    output = method(batch)
    if name in WITH_TEXTS:
        texts = method.text(batch.companion_texts.flatten(0, 1))
        for comparison in found[::2]:  # of images; those of texts follow, each with the images as keys
            torch.testing.assert_close(comparison.keys[-12:], texts, rtol=1e-4, atol=1e-5)
        found = found[1::2]
    for comparison in found:
        torch.testing.assert_close(comparison.keys[-12:], torch.cat(alone), rtol=1e-4, atol=1e-5)
        assert comparison.keys[-12:].requires_grad == (name != "moco")
    assert output.embeddings.shape[:2] == (2, 6)


@pytest.mark.parametrize("name", [name for name, use in WAYS if use == "stored"])
def test_a_slot_is_compared_as_the_vector_that_it_is(method_of, batch_of, name):
    method = method_of(name, queue=9)
    found, batch = compared(method), with_mined(method, batch_of(), "stored", torch.arange(12).view(2, 6))
    method(batch)
    for comparison in found:
        assert torch.equal(comparison.keys[-12:], batch.slots)


@pytest.mark.parametrize(("name", "use"), WAYS)
def test_they_are_not_taken_into_queues_and_banks(method_of, batch_of, name, use):
    method, batch = method_of(name, queue=50), batch_of()
    outside = torch.tensor([i for i in range(IMAGES) if i not in batch.index][:12]).view(2, 6)
    before = {key: tensor.clone() for key, tensor in method.named_buffers()}
    method(with_mined(method, batch, use, outside))
    after = dict(method.named_buffers())
    if name in ("moco", "nnclr"):
        assert set(after["queue.index"].tolist()) == {-1, *batch.index.tolist()}
    if name == "memory_bank":
        assert torch.equal(after["slots.vectors"][outside], before["slots.vectors"][outside])
