"""The random numbers of views: where they come from and how they are distributed."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import RandomResizedCrop

from contraflow.views.kernels.draws import DRAWN, RECIPE, draw, exp, mix_bits, uniform


def recipe_of(**values):
    return np.array([tuple(values[name] for name in RECIPE.names)], RECIPE)[0]


VALUES = dict(
    area_low=0.2,
    area_high=1.0,
    log_ratio_low=math.log(0.75),
    log_ratio_high=math.log(4 / 3),
    flip=0.5,
    rotation=15.0,
    jitter=0.8,
    brightness=0.4,
    contrast=1.5,
    saturation=0.4,
    hue=0.1,
    grey=0.2,
    blur=0.3,
    sigma_low=0.1,
    sigma_high=2.0,
    solarise=0.1,
)
ALL = recipe_of(**VALUES)
N = 20_000


@pytest.fixture(scope="module")
def drawn():
    """The decisions of many views, each field as an array."""
    views = np.recarray(N, DRAWN)
    for i in range(N):
        draw(0, 0, i, 0, ALL, 32, 32, views[i])
    return views


def one(*key, recipe=ALL, size=(32, 32)):
    """The decisions of one view."""
    view = np.recarray(1, DRAWN)
    draw(*key, recipe, *size, view[0])
    return view[0]


def test_mix_is_splitmix64():
    """The first numbers of the published generator for the seed 1234567."""
    step, key = 0x9E3779B97F4A7C15, 1234567
    numbers = [mix_bits(np.uint64((key + step * n) % 2**64)) for n in (1, 2, 3)]
    assert numbers == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert uniform(np.uint64(key), 0, 0.0, 1.0) == (numbers[0] >> 11) / 2**53


@pytest.mark.parametrize("x", [-60.0, -1.0, -1e-9, 0.0, 0.3, 5.0, 60.0])
def test_exp(x):
    assert exp(x) == pytest.approx(math.exp(x), rel=1e-12)


def even(sample, low, high):
    return stats.kstest(sample, stats.uniform(low, high - low).cdf).pvalue


def test_factors_are_uniform(drawn):
    assert even(drawn.rotation, -15, 15) > 1e-3
    assert even(drawn.brightness, 0.6, 1.4) > 1e-3
    assert even(drawn.contrast, 0.0, 2.5) > 1e-3  # half-widths above 1 are cut at a factor of 0
    assert even(drawn.saturation, 0.6, 1.4) > 1e-3
    assert even(drawn.hue, -0.1, 0.1) > 1e-3
    assert even(drawn.sigma, 0.1, 2.0) > 1e-3


@pytest.mark.parametrize("name", ["flip", "jitter", "grey", "blur", "solarise"])
def test_probabilities(drawn, name):
    assert stats.binomtest(int(getattr(drawn, name).sum()), N, VALUES[name]).pvalue > 1e-3


def test_every_order_is_as_likely(drawn):
    counts = np.bincount(drawn.order, minlength=24)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3


def test_crops_are_distributed_as_torchvision_s(drawn):
    torch.manual_seed(0)
    image = torch.empty(3, 32, 32)
    theirs = np.array([RandomResizedCrop.get_params(image, [0.2, 1.0], [0.75, 4 / 3]) for _ in range(N // 4)])
    for ours, other in zip((drawn.top, drawn.left, drawn.height, drawn.width), theirs.T, strict=True):
        assert stats.ks_2samp(ours, other).pvalue > 1e-3


def test_crops_lie_inside_and_reach_every_border(drawn):
    assert min(drawn.top.min(), drawn.left.min()) == 0
    assert (drawn.top + drawn.height).max() == (drawn.left + drawn.width).max() == 32


def test_a_crop_that_never_fits_is_torchvision_s_central_one():
    def crop_of(recipe):
        return one(0, 0, 0, 0, recipe=recipe, size=(31, 32)).item()[:4]

    wide = recipe_of(**VALUES | dict(area_low=1.0, log_ratio_low=math.log(2.0), log_ratio_high=math.log(3.0)))
    image = torch.empty(3, 31, 32)
    assert crop_of(wide) == RandomResizedCrop.get_params(image, [1.0, 1.0], [2.0, 3.0])
    tall = recipe_of(**VALUES | dict(area_low=1.0, log_ratio_low=math.log(0.2), log_ratio_high=math.log(0.5)))
    assert crop_of(tall) == RandomResizedCrop.get_params(image, [1.0, 1.0], [0.2, 0.5])


def test_decisions_do_not_hang_together(drawn):
    numbers = np.array([drawn.rotation, drawn.brightness, drawn.contrast, drawn.hue, drawn.sigma, drawn.flip])
    off_diagonal = np.corrcoef(numbers) - np.eye(len(numbers))
    assert np.abs(off_diagonal).max() < 5 / math.sqrt(N)


@pytest.mark.parametrize("place", range(4))
def test_seed_epoch_sample_and_view_each_matter(place):
    """Neighbouring keys give numbers that have nothing to do with each other."""
    at, beside = ([], [])
    for i in range(2000):
        key = [5, 6, 7, 8]
        key[place] = 2 * i
        at.append(one(*key).brightness)
        key[place] += 1
        beside.append(one(*key).brightness)
    assert abs(np.corrcoef(at, beside)[0, 1]) < 5 / math.sqrt(2000)
    assert len(set(at + beside)) == 4000


def test_seed_and_epoch_are_not_added_up():
    assert one(1, 0, 0, 0) != one(0, 1, 0, 0)
