"""Features of which no direction varies more than its share, by closed forms and by an independent formula."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from contraflow.foundations.errors import UserError
from contraflow.models.whitening import MOST, Whitened, applied, bare, find_whitening, found_on, whitening_of


def drawn(images: int, *deviations: float, seed=0) -> np.ndarray:
    """Features around 3 that vary so along axes that are turned at random."""
    random = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(random.normal(size=(len(deviations), len(deviations))))
    return ((random.normal(size=(images, len(deviations))) * deviations) @ turned + 3).astype(np.float32)


def ledoit_wolf(x: np.ndarray) -> np.ndarray:
    """Their estimate of a covariance, image by image as their paper has it (lemmas 3.2 to 3.5)."""
    x = x - x.mean(0)
    n, p = x.shape
    sample = sum(np.outer(row, row) for row in x) / n
    mu = np.trace(sample) / p
    apart = np.sum((sample - mu * np.eye(p)) ** 2) / p
    noise = min(sum(np.sum((np.outer(row, row) - sample) ** 2) / p for row in x) / n**2, apart)
    return noise / apart * mu * np.eye(p) + (apart - noise) / apart * sample


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("images", [12, 400])
def test_whitened_is_by_the_power_of_ledoit_and_wolfs_covariance(images, share):
    x = drawn(images, 5, 1, 0.3, 0.3)
    variance, axes = np.linalg.eigh(ledoit_wolf(x.astype(float)))
    root = sum(v ** (-share / 2) * np.outer(axis, axis) for v, axis in zip(variance, axes.T, strict=True))
    expected = (x - x.mean(0, dtype=float)) @ root
    np.testing.assert_allclose(applied(whitening_of(x, share), x), expected, atol=2e-4)


@pytest.mark.parametrize(("share", "left"), [(0.0, 1.0), (0.5, 0.5), (0.75, 0.25), (1.0, 0.0)])
def test_of_many_images_deviations_become_their_power(share, left):
    deviations = 10.0, 2.0, 0.5
    found = applied(whitening_of(drawn(50_000, *deviations), share), drawn(50_000, *deviations))
    of_axes = np.sort(np.linalg.eigvalsh(np.cov(found.T)) ** 0.5)[::-1]
    np.testing.assert_allclose(of_axes, np.array(deviations) ** left, rtol=0.03)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-3)


@given(images=st.integers(2, 9), dimension=st.integers(1, 12), share=st.floats(0, 1), dead=st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_there_is_comes_out_as_numbers(images, dimension, share, dead):
    x = drawn(images, *np.geomspace(1e-3, 10, dimension))
    if dead:
        x[:, 0] = 0
    found = applied(whitening_of(x, share), x)
    assert found.shape == x.shape and np.isfinite(found).all()


@given(still=st.lists(st.booleans(), min_size=6, max_size=6), value=st.sampled_from([0.0, 0.1, 3.7]))
@settings(deadline=None)
def test_a_feature_that_does_not_vary_is_0_to_the_last_bit_and_the_others_are_as_without_it(still, value):
    x, still = drawn(40, 1, 2, 3, 4, 5, 6), np.array(still)
    x[:, still] = value
    found = applied(whitening_of(x, 0.5), x)
    assert not found[:, still].any()
    if not still.all():
        np.testing.assert_allclose(found[:, ~still], applied(whitening_of(x[:, ~still], 0.5), x[:, ~still]), atol=1e-5)


@pytest.mark.parametrize("images", [1, 5])
def test_of_items_that_are_all_alike_the_mean_is_taken_away(images):
    x = np.full((images, 3), 2, np.float32)
    assert not applied(whitening_of(x, 0.75), x).any()
    moved = x + np.array([1, 0, 0], np.float32)
    np.testing.assert_allclose(applied(whitening_of(x, 0.75), moved), np.tile([1.0, 0, 0], (images, 1)))


def test_a_few_items_say_little_of_directions():
    few, many = (np.linalg.cond(whitening_of(drawn(n, 1, 1, 1, 1, 1, 1), 1.0).weight.numpy()) for n in (4, 5_000))
    assert few < 6 and many < 1.1  # by the covariance of four alone it would be infinite


def test_nothing_of_it_learns_and_the_encoder_is_there_without_it():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    encoder.dimension = 3
    images = torch.randn(50, 1, 2, 2)
    batches = [(part, torch.zeros(len(part))) for part in images.split(20)]
    layer = find_whitening(encoder, 1.0, batches, torch.device("cpu"), "it")
    whole = Whitened(encoder, layer)
    assert whole.dimension == 3 and bare(whole) is encoder and bare(encoder) is encoder
    assert [name for name, each in whole.named_parameters() if each.requires_grad] == [
        "encoder.1.weight",
        "encoder.1.bias",
    ]
    np.testing.assert_allclose(
        whole(images).detach(),
        applied(whitening_of(encoder(images).detach().numpy(), 1.0), encoder(images).detach().numpy()),
    )
    with torch.no_grad():
        encoder[1].weight.fill_(torch.nan)
    with pytest.raises(UserError, match=r"^it gives NaN or infinite features for 50 of 50 items"):
        find_whitening(encoder, 1.0, batches, torch.device("cpu"), "it")


def test_it_is_found_on_the_same_training_items_in_every_run():
    training = np.arange(0, 3 * MOST, 2)
    chosen = found_on(training)
    assert (
        len(set(chosen.tolist())) == MOST and np.isin(chosen, training).all() and (chosen == found_on(training)).all()
    )
    assert (found_on(training[:50]) == training[:50]).all()
