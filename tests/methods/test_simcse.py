"""SimCSE against pair by pair code, and what it shares with the other methods that compare."""

from dataclasses import replace

import pytest
import torch

from contraflow.encoded.kin import Kin
from contraflow.methods.parts.base import DataShape
from contraflow.methods.simcse import SimCSE
from contraflow.views.batch import Batch

SHAPE = DataShape(channels=0, image_size=0, images=40, classes=0, vocabulary=30)
TAU = 0.05


@pytest.fixture
def simcse_of(settings_of):
    """`simcse_of(kin=[...], negatives={...})`."""

    def make(kin=(), negatives=None, shape=SHAPE):
        torch.manual_seed(0)
        settings = settings_of("simcse", loss={"tau": TAU}, negatives=negatives, model={"projection": "none"})
        return SimCSE(settings, replace(shape, kin=kin)).double().train()

    return make


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    index = torch.randperm(40, generator=generator)[:6]
    tokens = torch.randint(1, 30, (6, 8), generator=generator).tril(3)
    keys = torch.randint(1, 2**60, (2, 6, 1), generator=generator)
    return Batch(torch.cat([keys, tokens.expand(2, -1, -1)], dim=2), index)


def pair_by_pair(z, index, alike=lambda a, b: a == b):
    """Mean of -log of the share of a text's second view among the second views of all that are not alike."""
    first, second = torch.nn.functional.normalize(z, dim=2)
    losses = []
    for i, query in enumerate(first):
        others = [second[j] for j in range(len(second)) if not alike(index[i].item(), index[j].item())]
        logits = torch.stack([query @ key for key in [second[i], *others]]) / TAU
        losses.append(torch.logsumexp(logits, 0) - logits[0])
    return torch.stack(losses).mean()


def test_loss_and_gradients_are_those_of_pair_by_pair_code(simcse_of, batch):
    method = simcse_of()
    weights = list(method.encoder.parameters())
    output = method(batch)
    expected = pair_by_pair(method.features(batch.views), batch.index)
    torch.testing.assert_close(output.loss, expected)
    for found, own in zip(*(torch.autograd.grad(loss, weights) for loss in (output.loss, expected)), strict=True):
        torch.testing.assert_close(found, own)


def test_it_is_log_n_where_all_embeddings_are_equal(simcse_of, batch):
    method = simcse_of()
    for weight in method.encoder.projection.parameters():
        torch.nn.init.zeros_(weight)
    assert method(batch).loss.item() == pytest.approx(torch.tensor(6.0).log().item(), abs=1e-6)


def test_both_views_of_a_text_differ_by_dropout_alone(simcse_of, batch):
    method = simcse_of()
    first, second = method.features(batch.views)
    assert not torch.allclose(first, second)
    same = batch.views.index_fill(2, torch.tensor([0]), 0)
    first, second = method.features(same)
    torch.testing.assert_close(first, second)


def test_texts_of_a_group_are_no_negatives(simcse_of, batch):
    kin = Kin(torch.arange(40).numpy() // 20)
    method = simcse_of(kin=[kin])
    expected = pair_by_pair(method.features(batch.views), batch.index, lambda a, b: a // 20 == b // 20)
    torch.testing.assert_close(method(batch).loss, expected)


def test_policies_for_negatives_reach_it(simcse_of, batch):
    changes = {"weighting": "hcl", "selection": "hardest", "k": 2}
    assert simcse_of(negatives=changes)(batch).loss.item() != pytest.approx(simcse_of()(batch).loss.item(), abs=1e-3)


def test_in_parts_features_and_gradients_are_those_of_the_whole_batch(simcse_of, batch):
    """A part goes through the encoder a second time, and loses the same."""
    found = []
    for images in (None, 2):
        method = simcse_of()
        method.micro_batch = images
        loss = method(batch).loss
        found.append([loss, *torch.autograd.grad(loss, list(method.encoder.parameters()))])
    torch.testing.assert_close(*found)


def test_in_evaluation_a_row_without_a_key_is_whole_and_one_with_a_key_is_as_in_training(simcse_of, batch):
    encoder = simcse_of().encoder
    trained = encoder(batch.views[0])
    with torch.inference_mode():
        torch.testing.assert_close(encoder.eval()(batch.views[0]), trained)
