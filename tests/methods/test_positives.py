"""Each source of positives with each method: who is compared with whom, against a mask made by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contraflow.encoded.kin import Kin
from contraflow.losses.comparison import EMPTY
from contraflow.methods.parts.registry import METHODS

IMAGES = 40
WITH_NEGATIVES = ("simclr", "moco", "memory_bank", "nnclr", "triplet", "margin")
SOURCES = {  # the kin, of whom the first bring partners, and by hand whether two images are
    "label": ([Kin.by_label(np.arange(IMAGES) % 5 - 1)], lambda a, b: a == b or (a % 5 == b % 5 and a % 5 > 0)),
    "group": ([Kin(np.arange(IMAGES) // 4)], lambda a, b: a // 4 == b // 4),
    "order": ([Kin(np.arange(IMAGES), 3)], lambda a, b: abs(a - b) <= 3),
    "order and copies": (
        [Kin(np.arange(IMAGES), 3), Kin(np.arange(IMAGES) % 20)],
        lambda a, b: abs(a - b) <= 3 or a % 20 == b % 20,
    ),
}


def with_partners(batch, kin, epoch=0):
    """The same batch, whose second views are of a partner of each image."""
    partners = torch.from_numpy(kin.partners(np.arange(IMAGES), seed=0, epoch=epoch))
    return replace(batch, partner=partners[batch.index])


def compared(method):
    """All comparisons that reach the method's policy for negatives from now on."""
    found = []
    method.negatives.register_forward_pre_hook(lambda _, arguments: found.append(arguments[0]))
    return found


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", WITH_NEGATIVES)
@given(start=st.integers(0, 10**6))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_kin_is_never_a_negative_and_in_the_batch_all_of_it_is_positive(method_of, batch_of, name, source, start):
    kin, related = SOURCES[source]
    method = method_of(name, kin=kin, queue=16)
    found = compared(method)
    for step in range(3):  # queues and banks hold something then
        output = method(with_partners(batch_of(start + step), kin[0], epoch=step))
        assert output.loss.isfinite()
    assert found
    for comparison in found:
        anchors, keys = comparison.anchor_index.tolist(), comparison.key_index.tolist()
        hand = torch.tensor([[key != EMPTY and related(anchor, key) for key in keys] for anchor in anchors])
        empty = torch.tensor(keys) == EMPTY
        assert not (comparison.negative & hand).any()
        assert torch.equal(comparison.negative, ~hand & ~empty)
        if name in ("simclr", "triplet", "margin"):  # these compare all views of a batch with each other
            assert torch.equal(comparison.positive, hand.fill_diagonal_(False))
        else:
            assert (comparison.positive.sum(1) == 1).all()


@pytest.mark.parametrize("name", METHODS)
def test_a_partner_that_is_the_image_itself_changes_nothing(method_of, batch_of, name):
    batch = batch_of(3)
    plain = method_of(name)(batch).loss
    kin = [Kin(np.arange(IMAGES))] if METHODS[name].positives_from == "image" else ()
    itself = method_of(name, kin=kin)(replace(batch, partner=batch.index)).loss
    assert torch.equal(plain, itself)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_learns_from_partners(method_of, batch_of, name, source):
    kin, _ = SOURCES[source]
    method = method_of(name, kin=kin)
    output = method(with_partners(batch_of(1, n=12), kin[0]))
    output.loss.backward()
    assert output.loss.isfinite()
    assert all(p.grad.isfinite().all() for p in method.encoder.parameters() if p.grad is not None)
