"""Corruptions against slow arithmetic and closed forms."""

import colorsys
import io
import math

import numpy as np
import pytest
from PIL import Image

from contraflow.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt, strength


def images_of(channels, size=16, n=6):
    """Smooth pictures with an edge, none of them black or white."""
    rng = np.random.default_rng(0)
    slope = np.linspace(60, 160, size)[None, :, None, None] + rng.uniform(0, 40, (n, 1, size, channels))
    slope[:, :, size // 2 :] -= 40
    return slope.round().astype(np.uint8)


def distance(images, others):
    return np.abs(images.astype(float) - others).mean()


@pytest.mark.parametrize("size", [16, 80])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_is_stronger_with_its_severity_and_keeps_the_shape(name, channels, size):
    images = images_of(channels, size)
    before = images.copy()
    found = [corrupt(images, np.arange(6), name, severity, seed=0) for severity in SEVERITIES]
    assert all(other.shape == images.shape and other.dtype == np.uint8 for other in found)
    assert 0 < distance(images, found[0]) < distance(images, found[1]) < distance(images, found[2])
    assert np.array_equal(images, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_image_is_corrupted_alike_wherever_it_stands(name):
    images, index = images_of(3), np.array([0, 3, 1, 7, 8, 50])
    whole = corrupt(images, index, name, 5, seed=2)
    order = np.array([4, 1, 5])
    assert np.array_equal(corrupt(images[order], index[order], name, 5, seed=2), whole[order])


@pytest.mark.parametrize("name", ["gaussian_noise", "rotation"])
def test_seed_and_index_decide_what_is_drawn(name):
    images = np.repeat(images_of(1)[:1], 20, axis=0)
    first, other = (corrupt(images, np.arange(20), name, 3, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first, other)
    assert len({image.tobytes() for image in first}) == (20 if name == "gaussian_noise" else 2)


def test_noise_has_its_deviation_and_no_mean():
    grey = np.full((40, 32, 32, 3), 128, np.uint8)
    for severity in SEVERITIES:
        noise = corrupt(grey, np.arange(40), "gaussian_noise", severity, seed=0) / 255 - 128 / 255
        assert noise.std() == pytest.approx(strength("gaussian_noise", severity, 32), rel=0.02)
        assert abs(noise.mean()) < 0.001


def test_blur_spreads_a_point_as_the_normal_distribution_says():
    point = np.zeros((1, 33, 33, 1), np.uint8)
    point[0, 16, 16] = 255
    deviation = strength("gaussian_blur", 5, 33)
    weights = [math.exp(-((x - 16) ** 2) / (2 * deviation**2)) for x in range(33)]
    row = np.array(weights) / sum(weights)
    expected = 255 * np.outer(row, row)
    assert np.abs(corrupt(point, np.array([0]), "gaussian_blur", 5, seed=0)[0, ..., 0] - expected).max() <= 0.6


def test_brightness_moves_the_value_of_each_pixel_and_neither_hue_nor_saturation():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), np.uint8)
    found = corrupt(images, np.arange(2), "brightness", 5, seed=0)
    for pixel, other in zip(images.reshape(-1, 3), found.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255))
        expected = colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.3))
        assert np.abs(255 * np.array(expected) - other).max() <= 0.51
    grey = np.array([[[[0], [100], [250]]]], np.uint8).repeat(3, axis=1)
    assert corrupt(grey, np.array([0]), "brightness", 5, seed=0)[0, 0, :, 0].tolist() == [76, 176, 255]


def test_jpeg_is_what_pillow_reads_of_what_it_wrote():
    image = images_of(3)[:1]
    file = io.BytesIO()
    Image.fromarray(image[0]).save(file, "JPEG", quality=40)
    assert np.array_equal(corrupt(image, np.array([9]), "jpeg", 5, seed=0)[0], np.asarray(Image.open(file)))


def test_rotation_turns_about_the_middle_by_its_angle():
    """The centre of mass of a spot goes along a circle, to either side."""
    y, x = np.mgrid[:65, :65] - 32
    spot = (255 * np.exp(-((x - 20) ** 2 + y**2) / 18)).astype(np.uint8)[None, ..., None].repeat(8, axis=0)
    for severity in SEVERITIES:
        turned = corrupt(spot, np.arange(8), "rotation", severity, seed=0)[..., 0].astype(float)
        mass = turned.sum(axis=(1, 2))
        angles = np.degrees(np.arctan2((turned * y).sum(axis=(1, 2)) / mass, (turned * x).sum(axis=(1, 2)) / mass))
        assert np.abs(angles) == pytest.approx(strength("rotation", severity, 65), abs=0.5)
        assert 0 < (angles > 0).sum() < 8
